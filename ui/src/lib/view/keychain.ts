/** The keychain screen: the cause decides the words and what is offered. */
import type { KeychainTrouble } from "$lib/ipc/bindings";
import { w } from "$lib/words";
import { date } from "./times";

export interface KeychainScreen {
  title: string;
  lead: string;
  steps: string[];
  /** The word on the button that asks again. */
  retry: string;
  /** A passphrase opens the file. */
  unlock: boolean;
  /** Only on a first run: otherwise it would be a new person. */
  offerPassphrase: boolean;
  offerNewPerson: boolean;
}

function lead({ cause, backend, lastSeenAtMs }: KeychainTrouble): string {
  const leads = w.keychain.leads;
  switch (cause) {
    case "absent_key_was_there":
      return leads.absent_key_was_there(backend ?? w.keychain.fallbackBackend);
    case "entry_gone":
      return lastSeenAtMs === null ? leads.entry_gone_undated : leads.entry_gone(date(lastSeenAtMs));
    case "passphrase_wrong":
      return leads.passphrase_needed;
    default:
      return leads[cause];
  }
}

export function keychainScreen(trouble: KeychainTrouble): KeychainScreen {
  const { cause } = trouble;
  const locked = cause === "locked" || cause === "dismissed";
  const steps = w.keychain.steps;
  return {
    title: w.keychain.titles[cause],
    lead: lead(trouble),
    steps: locked ? steps.unlock : cause === "no_answer" ? steps.noAnswer : cause === "unclear" ? steps.unclear : [],
    retry: locked ? w.keychain.unlock : w.common.tryAgain,
    unlock: cause === "passphrase_needed" || cause === "passphrase_wrong",
    offerPassphrase: cause === "absent_first_run",
    offerNewPerson: cause === "entry_gone",
  };
}
