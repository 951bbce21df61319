/** Two live regions, one sentence a second at most. */
import type { Announcements } from "$lib/view/announce";

const APART_MS = 1000;

class Region {
  text = $state("");
  private queue: string[] = [];
  private busy = false;

  say(sentences: string[]): void {
    this.queue.push(...sentences);
    if (!this.busy) this.next();
  }

  private next(): void {
    const sentence = this.queue.shift();
    this.busy = sentence !== undefined;
    if (sentence === undefined) return;
    // The same words twice are told twice.
    this.text = sentence === this.text ? `${sentence}\u00a0` : sentence;
    setTimeout(() => this.next(), APART_MS);
  }
}

class Announcer {
  readonly polite = new Region();
  readonly assertive = new Region();

  say(what: Announcements): void {
    this.polite.say(what.polite);
    this.assertive.say(what.assertive);
  }
}

export const announcer = new Announcer();
