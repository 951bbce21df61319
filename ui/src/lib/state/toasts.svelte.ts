/** Short notes with at most one action. Never the only place of a security fact. */

export interface Toast {
  text: string;
  icon: string;
  /** The accent on the icon: used for "Verified" and nothing else. */
  good?: boolean;
  action?: { label: string; run: () => void };
  /** What it is about, so that it can be taken away when that is settled. */
  about?: string;
}

const STAYS_MS = 6000;
const AT_MOST = 2;

class Toasts {
  list = $state.raw<(Toast & { id: number })[]>([]);
  private next = 0;
  private timers = new Map<number, ReturnType<typeof setTimeout>>();

  show(toast: Toast): void {
    const id = this.next++;
    this.list = [...this.list, { ...toast, id }].slice(-AT_MOST);
    this.release(id);
  }

  /** Stays while hovered or focused. */
  hold(id: number): void {
    clearTimeout(this.timers.get(id));
    this.timers.delete(id);
  }

  release(id: number): void {
    this.hold(id);
    this.timers.set(id, setTimeout(() => this.drop(id), STAYS_MS));
  }

  /** Takes away what is about this, unless somebody is at it. */
  settle(about: string): void {
    const settled = this.list.filter((toast) => toast.about === about && this.timers.has(toast.id));
    for (const { id } of settled) this.drop(id);
  }

  drop(id: number): void {
    this.hold(id);
    this.list = this.list.filter((t) => t.id !== id);
  }
}

export const toasts = new Toasts();
