import { describe, expect, it } from "vitest";
import { line, PLOT, scale } from "./sound";

describe("plots", () => {
  it("end at the right edge and break where nothing is known", () => {
    expect(line([0, 10], 10, 3)).toBe(`M120.0 ${PLOT.height}.0L240.0 0.0`);
    expect(line([5, null, 10], 10, 3)).toBe("M0.0 24.0M240.0 0.0");
    expect(line([], 10, 3)).toBe("");
  });

  it("keep what is too large inside", () => {
    expect(line([99], 10, 1)).toBe("M0.0 0.0");
  });

  it("have a round scale that covers everything", () => {
    expect(scale([3, 12, null], 10)).toBe(20);
    expect(scale([], 10)).toBe(10);
    expect(scale([130], 10)).toBe(200);
    expect(scale([51], 1)).toBe(100);
  });
});
