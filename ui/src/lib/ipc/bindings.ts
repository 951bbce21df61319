// Generated from crates/ipc. Renew with: WRITE_BINDINGS=1 cargo test -p standfast-ipc bindings

/**
 * Everything that the UI shows, at one moment.
 */
export type AppView = {
/**
 * Grows with every change within one window's life.
 */
revision: number,
/**
 * Version of the application.
 */
version: string,
/**
 * The profile, `default` unless named on the command line.
 */
profile: string,
/**
 * What the team calls this user; empty until chosen.
 */
displayName: string,
/**
 * The first run was finished.
 */
firstRunDone: boolean,
/**
 * This device's identity.
 */
identity: IdentityView,
/**
 * Sound devices.
 */
devices: Devices,
/**
 * The microphone test.
 */
microphoneTest: MicrophoneTest,
/**
 * Settings.
 */
settings: Settings,
/**
 * Standups, the next one first.
 */
standups: Array<Standup>,
/**
 * Contacts, by name.
 */
contacts: Array<Contact>,
/**
 * Meetings that are over, newest first.
 */
recent: Array<RecentMeeting>,
/**
 * The relay for new standups.
 */
relay: RelayView,
/**
 * The relay inside this app.
 */
hostHere: HostHere,
/**
 * A link that the system handed over. It waits for the user; nothing joins by itself.
 */
openedLink: LinkPreview | null,
/**
 * Things to act on.
 */
hints: Array<Hint>,
/**
 * The meeting.
 */
meeting: MeetingView | null, };
/**
 * How somebody in the lobby came.
 */
export type Arrival = "first_time" | "known_contact" | "removed_before";
/**
 * A request to the keychain that has not been answered.
 */
export type Asking = {
/**
 * When it was made.
 */
sinceMs: number,
/**
 * After how many seconds it is given up.
 */
limitS: number, };
/**
 * One sound device.
 */
export type AudioDevice = {
/**
 * The handle that commands name it by.
 */
id: string,
/**
 * The system's name for it.
 */
name: string, };
/**
 * Whose step it was, by a signature that was checked.
 */
export type By = { "kind": "here" } | { "kind": "member",
/**
 * Display name.
 */
name: string, } | { "kind": "all" } | { "kind": "seen" };
/**
 * Whether a journal is as its device signed it.
 */
export type Chain = { "kind": "complete",
/**
 * How many there are.
 */
entries: number, } | { "kind": "broken",
/**
 * Its number, counted from 0.
 */
at: number, } | { "kind": "unsigned" };
/**
 * One intent of the user.
 */
export type Command = { "kind": "set_name",
/**
 * What the team calls this user.
 */
name: string, } | { "kind": "finish_first_run" } | { "kind": "keychain_retry" } | { "kind": "keychain_stop" } | { "kind": "passphrase_unlock",
/**
 * As typed.
 */
passphrase: Passphrase, } | { "kind": "passphrase_choose",
/**
 * As typed, twice.
 */
passphrase: Passphrase, } | { "kind": "start_as_new_person" } | { "kind": "choose_input",
/**
 * Which one.
 */
device: DeviceChoice, } | { "kind": "choose_output",
/**
 * Which one.
 */
device: DeviceChoice, } | { "kind": "test_microphone",
/**
 * On or off.
 */
on: boolean, } | { "kind": "test_speaker" } | { "kind": "create_standup",
/**
 * What the team calls it.
 */
title: string,
/**
 * The relay's address; without, this computer hosts, and "host here" is started.
 */
relay: string | null,
/**
 * Without, the link alone is enough.
 */
passphrase: TypedPassphrase | null, } | { "kind": "choose_passphrase",
/**
 * [`crate::Standup::id`].
 */
id: string,
/**
 * Without, the link alone is enough.
 */
passphrase: TypedPassphrase | null, } | { "kind": "give_passphrase",
/**
 * [`crate::Standup::id`].
 */
id: string,
/**
 * Without, none is used, and one that was remembered is forgotten.
 */
passphrase: TypedPassphrase | null, } | { "kind": "forget_passphrase",
/**
 * [`crate::Standup::id`].
 */
id: string, } | { "kind": "forget_standup",
/**
 * [`crate::Standup::id`].
 */
id: string, } | { "kind": "read_link",
/**
 * As pasted.
 */
link: string, } | { "kind": "forget_opened_link" } | { "kind": "join",
/**
 * What to join.
 */
target: JoinTarget,
/**
 * With the microphone muted.
 */
muted: boolean,
/**
 * The pairing code that another device of this user shows, unless the link holds it.
 */
code?: TypedCode, } | { "kind": "admit",
/**
 * [`crate::LobbyEntry::id`].
 */
request: string, } | { "kind": "keep_out",
/**
 * [`crate::LobbyEntry::id`].
 */
request: string, } | { "kind": "remove",
/**
 * [`crate::MemberView::idx`].
 */
idx: number, } | { "kind": "readmit",
/**
 * [`crate::Fingerprint::id`] of a [`crate::RemovedView`].
 */
fingerprint: string, } | { "kind": "set_deputy",
/**
 * [`crate::MemberView::idx`].
 */
idx: number,
/**
 * Deputy.
 */
on: boolean, } | { "kind": "open_meeting" } | { "kind": "set_locked",
/**
 * Locked.
 */
locked: boolean, } | { "kind": "own_bot",
/**
 * [`crate::LobbyEntry::id`].
 */
request: string, } | { "kind": "disown_bot",
/**
 * [`crate::LobbyEntry::id`].
 */
request: string, } | { "kind": "look_after_bot",
/**
 * [`crate::MemberView::idx`].
 */
idx: number, } | { "kind": "set_on_record",
/**
 * [`crate::MemberView::idx`].
 */
idx: number,
/**
 * It holds the key.
 */
on: boolean, } | { "kind": "offer_device" } | { "kind": "withdraw_device" } | { "kind": "vouch",
/**
 * [`crate::DeviceRequest::id`].
 */
request: string, } | { "kind": "set_muted",
/**
 * Muted.
 */
muted: boolean, } | { "kind": "talk_key",
/**
 * Down.
 */
down: boolean, } | { "kind": "leave" } | { "kind": "end_for_all" } | { "kind": "dismiss_meeting" } | { "kind": "rotate_now" } | { "kind": "verify",
/**
 * [`crate::Fingerprint::id`], as shown when it was compared.
 */
fingerprint: string, } | { "kind": "withdraw",
/**
 * [`crate::Fingerprint::id`].
 */
fingerprint: string, } | { "kind": "set_volume",
/**
 * [`crate::MemberView::idx`].
 */
idx: number,
/**
 * Percent, 0 to 200.
 */
percent: number, } | { "kind": "set_muted_here",
/**
 * [`crate::MemberView::idx`].
 */
idx: number,
/**
 * Muted.
 */
muted: boolean, } | { "kind": "split_read" } | { "kind": "copy_text",
/**
 * What to write: a link, a fingerprint, details for a helper.
 */
text: string, } | { "kind": "host_here",
/**
 * On or off.
 */
on: boolean, } | { "kind": "set",
/**
 * Which one, and to what.
 */
setting: Setting, } | { "kind": "read_journal",
/**
 * [`crate::RecentMeeting::id`]; without, that of the meeting now.
 */
meeting: string | null, } | { "kind": "export_journal",
/**
 * [`crate::RecentMeeting::id`]; without, that of the meeting now.
 */
meeting: string | null,
/**
 * In which form.
 */
form: ExportForm, } | { "kind": "start_spoken_code" } | { "kind": "quit" };
/**
 * One member's signed confirmation of an epoch.
 */
export type Confirmation = {
/**
 * Display name.
 */
name: string,
/**
 * When it reached this device.
 */
atMs: number, };
/**
 * A connection with its figures.
 */
export type Connection = {
/**
 * In one word.
 */
quality: Quality,
/**
 * Round trip to the relay, if measured.
 */
rttMs: number | null, };
/**
 * A person whose key this computer remembers.
 */
export type Contact = {
/**
 * Display name.
 */
name: string,
/**
 * The key.
 */
fingerprint: Fingerprint,
/**
 * What is known about the key.
 */
trust: Trust,
/**
 * When it was first met.
 */
firstMetMs: number | null,
/**
 * When it was verified.
 */
verifiedAtMs: number | null, };
/**
 * Which device to use.
 */
export type DeviceChoice = { "kind": "follow_system" } | { "kind": "fixed",
/**
 * [`AudioDevice::id`].
 */
id: string, };
/**
 * A direction of sound.
 */
export type DeviceKind = "microphone" | "speaker";
/**
 * What a link says that another device of the same user showed.
 */
export type DeviceLink = {
/**
 * The key of the device that showed it.
 */
from: Fingerprint,
/**
 * The pairing code is in it; otherwise it has to be typed.
 */
withCode: boolean, };
/**
 * What this device shows to vouch for another one of its user.
 */
export type DeviceOffer = {
/**
 * The pairing code: four groups of four.
 */
code: string,
/**
 * Link and code in one text, for the QR code.
 */
qr: string,
/**
 * The link for the other device, without the code.
 */
link: string,
/**
 * Good until.
 */
untilMs: number,
/**
 * The device that showed the code, and waits for this user's word.
 */
request: DeviceRequest | null, };
/**
 * A device that was given the pairing code.
 */
export type DeviceRequest = {
/**
 * The request, the handle that commands name it by.
 */
id: string,
/**
 * Its key.
 */
fingerprint: Fingerprint, };
/**
 * The sound devices of this computer.
 */
export type Devices = {
/**
 * Microphones.
 */
inputs: Array<AudioDevice>,
/**
 * Speakers.
 */
outputs: Array<AudioDevice>,
/**
 * The user's choice of microphone.
 */
input: DeviceChoice,
/**
 * The user's choice of speaker.
 */
output: DeviceChoice,
/**
 * Name of the microphone in use now; `None` without one.
 */
inputNow: string | null,
/**
 * Name of the speaker in use now; `None` without one.
 */
outputNow: string | null, };
/**
 * The epoch that is in use.
 */
export type EpochView = {
/**
 * Its number.
 */
number: number,
/**
 * When it was made.
 */
madeAtMs: number,
/**
 * How many have confirmed, by signed acks, this device included.
 */
confirmed: number,
/**
 * Of how many.
 */
members: number, };
/**
 * The kind of refusal. The words are in the UI's language files.
 */
export type ErrorCode = "link_foreign" | "link_incomplete" | "link_newer" | "pairing_code_wrong" | "pairing_code_missing" | "pairing_link_needed" | "name_invalid" | "title_invalid" | "address_invalid" | "relay_unreachable" | "relay_refused" | "relay_untrusted" | "relay_missing" | "host_here_failed" | "identity_not_ready" | "passphrase_short" | "passphrase_wrong" | "passphrase_empty" | "passphrase_missing" | "passphrase_other" | "keychain_refused" | "store_unavailable" | "not_in_meeting" | "already_in_meeting" | "not_allowed" | "gone" | "no_device" | "device_denied" | "bad_request" | "internal";
/**
 * What kept evidence shows.
 */
export type EvidenceKind = "two_announces" | "forged_frame" | "other_session";
/**
 * Something that was refused and is kept with its signatures.
 */
export type EvidenceView = {
/**
 * The handle within this meeting.
 */
id: string,
/**
 * Of what.
 */
what: EvidenceKind,
/**
 * Against whom, if that is known.
 */
against: string | null, };
/**
 * In which form a journal is exported.
 */
export type ExportForm = "json" | "markdown";
/**
 * A public fingerprint in every form that people compare.
 */
export type Fingerprint = {
/**
 * The handle that commands name it by. Never shown.
 */
id: string,
/**
 * Twelve words, in order.
 */
words: Array<string>,
/**
 * Thirty digits without spaces.
 */
digits: string,
/**
 * The text inside the QR code: the whole fingerprint.
 */
qr: string, };
/**
 * A key that works while another program has the focus.
 */
export type GlobalKey = "ctrl_alt_space" | "ctrl_shift_space" | "f8" | "f9" | "pause";
/**
 * Whether the global key works.
 */
export type GlobalKeyState = { "kind": "off" } | { "kind": "asking" } | { "kind": "works",
/**
 * What the system calls it, where the system chooses (Wayland).
 */
shown: string | null, } | { "kind": "unavailable" };
/**
 * The sign of life of whoever looks after the key.
 */
export type Heartbeat = {
/**
 * Display name of whoever looks after the key.
 */
generator: string,
/**
 * This device does.
 */
here: boolean,
/**
 * The last valid heartbeat.
 */
lastAtMs: number,
/**
 * Three were missed, or it lags 6 s.
 */
stale: boolean, };
/**
 * Something the user may want to act on. The list holds what is so now; the UI shows each once.
 */
export type Hint = { "kind": "talking_while_muted" } | { "kind": "dead_microphone",
/**
 * Its name.
 */
device: string, } | { "kind": "noisy_microphone",
/**
 * Its name.
 */
device: string, } | { "kind": "device_gone",
/**
 * Which of the two.
 */
what: DeviceKind,
/**
 * Its name.
 */
device: string,
/**
 * What is used instead, if anything.
 */
using: string | null, } | { "kind": "device_busy",
/**
 * Which of the two.
 */
what: DeviceKind, } | { "kind": "device_arrived",
/**
 * Which of the two.
 */
what: DeviceKind,
/**
 * The device.
 */
device: AudioDevice, } | { "kind": "relay_limited" };
/**
 * The relay inside this app.
 */
export type HostHere = { "kind": "off" } | { "kind": "starting" } | { "kind": "running",
/**
 * Where others reach it, `host:port`.
 */
address: string,
/**
 * How many connections it has.
 */
connections: number, } | { "kind": "failed",
/**
 * Why.
 */
code: ErrorCode, };
/**
 * The state of this device's own identity.
 */
export type IdentityView = { "kind": "making" } | { "kind": "ready",
/**
 * This device's fingerprint.
 */
own: Fingerprint,
/**
 * When it was made, if known.
 */
madeAtMs: number | null,
/**
 * Where the private half lies.
 */
place: KeyPlace, } | { "kind": "trouble",
/**
 * What is wrong and what can be done.
 */
trouble: KeychainTrouble, };
/**
 * What to join.
 */
export type JoinTarget = { "kind": "standup",
/**
 * [`crate::Standup::id`].
 */
id: string, } | { "kind": "link",
/**
 * The whole link, or the text that another device of this user shows.
 */
link: string, };
/**
 * What happened. Names are display names.
 */
export type JournalEvent = { "kind": "opened",
/**
 * This device opened it.
 */
here: boolean, } | { "kind": "epoch_made",
/**
 * Why; `None` where too many came since.
 */
reason: KeyReason | null,
/**
 * With how many it was shared.
 */
sharedWith: number, } | { "kind": "confirmed",
/**
 * Who.
 */
name: string, } | { "kind": "all_confirmed",
/**
 * How many.
 */
members: number,
/**
 * Since it was made or first seen, ms.
 */
afterMs: number, } | { "kind": "arrived",
/**
 * Who.
 */
name: string, } | { "kind": "in_use" } | { "kind": "retired" } | { "kind": "erased" } | { "kind": "all_erased" } | { "kind": "asked",
/**
 * Who.
 */
name: string,
/**
 * A bot.
 */
bot: boolean, } | { "kind": "waits",
/**
 * Who.
 */
name: string, } | { "kind": "admitted",
/**
 * Who.
 */
name: string, } | { "kind": "kept_out",
/**
 * Who.
 */
name: string, } | { "kind": "locked",
/**
 * On or off.
 */
locked: boolean, } | { "kind": "removed",
/**
 * Who.
 */
name: string, } | { "kind": "readmitted",
/**
 * Who.
 */
name: string, } | { "kind": "took_over",
/**
 * Who.
 */
name: string,
/**
 * After whom.
 */
before: string, } | { "kind": "handed_over",
/**
 * To whom.
 */
to: string, } | { "kind": "split_seen",
/**
 * Since when.
 */
fromMs: number, } | { "kind": "merged",
/**
 * Since when they were two.
 */
fromMs: number,
/**
 * Until when.
 */
untilMs: number, } | { "kind": "sign_of_life",
/**
 * To this.
 */
now: SignOfLife, } | { "kind": "line",
/**
 * There is one.
 */
up: boolean, } | { "kind": "refused",
/**
 * Why.
 */
cause: RefusedCause,
/**
 * How many.
 */
count: number, } | { "kind": "evidence",
/**
 * Of what.
 */
what: EvidenceKind,
/**
 * Against whom, if that is known.
 */
against: string | null, } | { "kind": "spoken",
/**
 * How.
 */
how: SpokenEnd, } | { "kind": "device_changed",
/**
 * Who.
 */
name: string, } | { "kind": "bot_owned",
/**
 * The bot.
 */
bot: string,
/**
 * Who.
 */
owner: string, } | { "kind": "omitted",
/**
 * How many.
 */
count: number, } | { "kind": "over",
/**
 * Why.
 */
why: LeftReason, };
/**
 * One step.
 */
export type JournalRow = {
/**
 * Its number in the chain, counted from 0.
 */
n: number,
/**
 * When, by this device's clock.
 */
atMs: number,
/**
 * The epoch that it is about, or that was in use then.
 */
epoch: number | null,
/**
 * What.
 */
event: JournalEvent,
/**
 * Whose step it was.
 */
by: By, };
/**
 * A journal as this device can show it.
 */
export type JournalView = {
/**
 * Whether the chain holds; `None` where only the timeline was kept.
 */
chain: Chain | null,
/**
 * Every step, newest first.
 */
rows: Array<JournalRow>,
/**
 * One entry per epoch, newest first.
 */
timeline: Array<TimelineEntry>, };
/**
 * How far the key of one epoch has come on this device.
 */
export type KeyPhase = "made" | "shared" | "in_use" | "retiring" | "erased";
/**
 * Where the private half of the identity lies.
 */
export type KeyPlace = { "kind": "keychain",
/**
 * Its name, such as "Secret Service".
 */
backend: string, } | { "kind": "file" };
/**
 * Why a key was made. Names are display names; "you" is the UI's business.
 */
export type KeyReason = { "kind": "started" } | { "kind": "joined",
/**
 * Who.
 */
names: Array<string>, } | { "kind": "left",
/**
 * Who.
 */
names: Array<string>, } | { "kind": "dropped",
/**
 * Whose.
 */
names: Array<string>, } | { "kind": "removed",
/**
 * Who.
 */
name: string,
/**
 * By whom, if that was written down.
 */
by: string | null, } | { "kind": "invitations_expired",
/**
 * Whose.
 */
names: Array<string>, } | { "kind": "bot_admitted",
/**
 * The bot.
 */
name: string,
/**
 * By whom, if that was written down.
 */
by: string | null, } | { "kind": "off_record",
/**
 * The bot.
 */
name: string, } | { "kind": "on_record",
/**
 * The bot.
 */
name: string, } | { "kind": "back",
/**
 * Who.
 */
name: string, } | { "kind": "timer",
/**
 * Its length.
 */
minutes: number, } | { "kind": "requested",
/**
 * Who, if that was written down.
 */
by: string | null, } | { "kind": "device_changed",
/**
 * Who.
 */
name: string, } | { "kind": "takeover",
/**
 * Who.
 */
name: string, } | { "kind": "split_healed" };
/**
 * Why the identity cannot be used.
 */
export type KeychainCause = "locked" | "dismissed" | "asking" | "no_answer" | "absent_first_run" | "absent_key_was_there" | "entry_gone" | "unclear" | "passphrase_needed" | "passphrase_wrong";
/**
 * The keychain's trouble, with what the screen needs to be of help.
 */
export type KeychainTrouble = {
/**
 * Which trouble it is.
 */
cause: KeychainCause,
/**
 * Details for whoever helps: backend, collection, profile. Holds no secret.
 */
detail: string,
/**
 * The running request, if there is one.
 */
asking: Asking | null,
/**
 * When it was last tried.
 */
lastTryAtMs: number | null,
/**
 * The keychain's name, if known.
 */
backend: string | null,
/**
 * When the entry was last seen, if it ever was.
 */
lastSeenAtMs: number | null, };
/**
 * Why this device is out of the meeting.
 */
export type LeftReason = "left" | "ended" | "kept_out" | "removed" | "elsewhere" | "replaced" | "wrong_passphrase";
/**
 * Levels, at most 20 times a second, beside the snapshots.
 */
export type Levels = {
/**
 * This computer's microphone, 0 to 1; `None` when nothing listens.
 */
microphone: number | null,
/**
 * Who is audible now. Who is not listed is at 0.
 */
members: Array<MemberLevel>, };
/**
 * What a link says, before anything is done with it.
 */
export type LinkPreview = {
/**
 * The link itself.
 */
link: string,
/**
 * The relay it names.
 */
relay: string,
/**
 * The organizer's key.
 */
organizer: Fingerprint,
/**
 * The organizer's name, if the key is a contact's.
 */
organizerName: string | null,
/**
 * What is known about that key.
 */
organizerTrust: Trust,
/**
 * The standup with this link, if there is one already.
 */
standup: string | null,
/**
 * Another device of the same user showed it.
 */
device: DeviceLink | null, };
/**
 * Somebody who asks to come in.
 */
export type LobbyEntry = {
/**
 * The request, the handle that commands name it by.
 */
id: string,
/**
 * The display name they give.
 */
name: string,
/**
 * Person or bot.
 */
role: Role,
/**
 * Whom a bot names as its owner.
 */
owner: OwnerView | null,
/**
 * The owner has said that the bot is theirs; without, nobody can let it in.
 */
owned: boolean,
/**
 * This user is named as the owner and has not said yes or no.
 */
asksMe: boolean,
/**
 * What is known about the key.
 */
trust: Trust,
/**
 * The key at the door.
 */
fingerprint: Fingerprint,
/**
 * The key pinned under this name, when it is another.
 */
pinned: Fingerprint | null,
/**
 * When the pinned key was verified.
 */
verifiedAtMs: number | null,
/**
 * How they came.
 */
arrival: Arrival,
/**
 * Waiting since.
 */
sinceMs: number, };
/**
 * Where this device stands with the meeting.
 */
export type MeetingPhase = { "kind": "connecting" } | { "kind": "waiting",
/**
 * Who is waited for, if the name is known.
 */
forName: string | null,
/**
 * This user may open it instead.
 */
mayOpen: boolean, } | { "kind": "lobby",
/**
 * Who may let us in, if the name is known.
 */
organizer: string | null, } | { "kind": "removed_before",
/**
 * The organizer's name, if it is known.
 */
organizer: string | null, } | { "kind": "refused",
/**
 * By whom, if known.
 */
by: string | null, } | { "kind": "locked" } | { "kind": "passphrase",
/**
 * One was given or remembered, which is not the right one.
 */
given: boolean, } | { "kind": "live" } | { "kind": "reconnecting",
/**
 * Since when.
 */
sinceMs: number, } | { "kind": "ended",
/**
 * When.
 */
atMs: number,
/**
 * When the last key was gone from this computer's memory.
 */
erasedAtMs: number | null,
/**
 * Why this device is out of it.
 */
why: LeftReason, };
/**
 * The meeting that this device is in, or was in until the ended screen is closed.
 */
export type MeetingView = {
/**
 * [`crate::Standup::id`].
 */
standup: string,
/**
 * The standup's title.
 */
title: string,
/**
 * The organizer's name, if it is known: here, or from an earlier meeting.
 */
organizerName: string | null,
/**
 * The whole invite link.
 */
link: string,
/**
 * Where this device stands.
 */
phase: MeetingPhase,
/**
 * When the meeting opened.
 */
startedAtMs: number | null,
/**
 * This device's roster index, once it has one.
 */
me: number | null,
/**
 * What this user may do now.
 */
rights: Rights,
/**
 * Only people whose keys this meeting has seen come in.
 */
locked: boolean,
/**
 * Who looks after the key when this device leaves, if this device does now.
 */
successor: string | null,
/**
 * The epoch in use.
 */
epoch: EpochView | null,
/**
 * A newer epoch that is not in use yet.
 */
pending: PendingEpoch | null,
/**
 * The generator's sign of life.
 */
heartbeat: Heartbeat | null,
/**
 * The newest takeover of this meeting.
 */
takeover: Takeover | null,
/**
 * The newest split of this meeting.
 */
split: Split | null,
/**
 * The roster.
 */
members: Array<MemberView>,
/**
 * Names of members for whom the key waits and who are not on the roster.
 */
awaited: Array<string>,
/**
 * Who asks to come in.
 */
lobby: Array<LobbyEntry>,
/**
 * Another device of this user that is being brought in.
 */
device: DeviceOffer | null,
/**
 * This device joins as another device of its user, and the one before has to say so.
 */
asNewDevice: boolean,
/**
 * Who was removed, and stays out until the organizer lets them ask again.
 */
removed: Array<RemovedView>,
/**
 * The meeting code of the epoch in use: thirty digits without spaces.
 */
code: string | null,
/**
 * The spoken code; `None` where this meeting has none.
 */
spoken: Spoken | null,
/**
 * What was kept as evidence, oldest first.
 */
evidence: Array<EvidenceView>,
/**
 * One entry per epoch, newest first.
 */
timeline: Array<TimelineEntry>,
/**
 * This device's microphone.
 */
microphone: Microphone,
/**
 * This device's connection to the relay.
 */
connection: Connection, };
/**
 * How loud one member is.
 */
export type MemberLevel = {
/**
 * The roster index.
 */
idx: number,
/**
 * 0 to 1, for display.
 */
level: number, };
/**
 * Somebody on the roster, this device included. Places never change; new ones come last.
 */
export type MemberView = {
/**
 * The roster index, the handle that commands name them by.
 */
idx: number,
/**
 * Display name.
 */
name: string,
/**
 * This device.
 */
me: boolean,
/**
 * The organizer of the meeting.
 */
organizer: boolean,
/**
 * May let in, keep out, remove and lock.
 */
host: boolean,
/**
 * May open the meeting when the organizer is away.
 */
deputy: boolean,
/**
 * Looks after the key.
 */
generator: boolean,
/**
 * Person or bot.
 */
role: Role,
/**
 * A bot's owner, by the owner's own signature.
 */
owner: OwnerView | null,
/**
 * This device looks after the bot when its owner leaves.
 */
standby: boolean,
/**
 * The name of the device that this one replaces, which vouched for it.
 */
replaces: string | null,
/**
 * What is known about the key.
 */
trust: Trust,
/**
 * How they are there.
 */
presence: Presence,
/**
 * A signed ack for the current epoch is in hand.
 */
confirmed: boolean,
/**
 * Their microphone is muted.
 */
muted: boolean,
/**
 * Speaking now, held for 400 ms.
 */
speaking: boolean,
/**
 * Volume here, in percent, 0 to 200.
 */
volume: number,
/**
 * Muted here, by this user.
 */
mutedHere: boolean,
/**
 * The key.
 */
fingerprint: Fingerprint,
/**
 * The key pinned under this name, when it is another.
 */
pinned: Fingerprint | null,
/**
 * When the key was first met.
 */
firstMetMs: number | null,
/**
 * Their connection, when it is known.
 */
connection: Connection | null, };
/**
 * This device's microphone, as far as the meeting is concerned.
 */
export type Microphone = { "kind": "open" } | { "kind": "muted" } | { "kind": "closed_no_heartbeat" } | { "kind": "closed_reconnecting" } | { "kind": "closed_not_live" } | { "kind": "no_device" };
/**
 * The microphone test. Its level travels in [`crate::Levels`]; nothing leaves this computer.
 */
export type MicrophoneTest = { "kind": "off" } | { "kind": "running",
/**
 * Since when.
 */
sinceMs: number,
/**
 * Nothing was heard for 5 s.
 */
silent: boolean, } | { "kind": "no_device" } | { "kind": "denied" };
/**
 * Who brings a bot.
 */
export type OwnerView = {
/**
 * Display name.
 */
name: string,
/**
 * This user.
 */
me: boolean, };
/**
 * A passphrase on its way from the keyboard to where it is stretched.
 *
 * Zeroized on drop and never printed. The copies that the web view and the transport made are
 * beyond reach; see `docs/known-issues.md`.
 */
export type Passphrase = string;
/**
 * A new epoch that is not in use yet.
 */
export type PendingEpoch = {
/**
 * Its number.
 */
number: number,
/**
 * Why it was made.
 */
reason: KeyReason,
/**
 * Who is not in it and can hear until it is in use.
 */
leavers: Array<string>,
/**
 * How many have confirmed it.
 */
confirmed: number,
/**
 * Of how many.
 */
members: number, };
/**
 * How somebody on the roster is there.
 */
export type Presence = "in" | "joining" | "leaving" | "invited" | "reconnecting" | "off";
/**
 * A connection in one word.
 */
export type Quality = "good" | "fair" | "weak" | "reconnecting";
/**
 * A meeting that is over.
 */
export type RecentMeeting = {
/**
 * The handle that commands name it by.
 */
id: string,
/**
 * The standup's title.
 */
title: string,
/**
 * When it began.
 */
startedAtMs: number,
/**
 * How long this computer was in it.
 */
lengthMs: number,
/**
 * How many epochs it had.
 */
epochs: number,
/**
 * The last epoch was confirmed by everyone.
 */
confirmed: boolean, };
/**
 * Why a message was refused.
 */
export type RefusedCause = "malformed" | "not_authentic" | "not_allowed" | "stale" | "missing" | "inconsistent" | "unsupported";
/**
 * Whether the relay answers.
 */
export type RelayReach = "unknown" | "reachable" | "unreachable";
/**
 * The relay that new standups use.
 */
export type RelayView = {
/**
 * Its address; `None` when none is set and "host here" is the way.
 */
address: string | null, };
/**
 * Somebody who was removed from this meeting.
 */
export type RemovedView = {
/**
 * Display name.
 */
name: string,
/**
 * The key, whose id commands name them by.
 */
fingerprint: Fingerprint, };
/**
 * The answer to a command that was done. What changed comes with the next snapshot.
 */
export type Reply = { "kind": "done" } | { "kind": "standup",
/**
 * [`crate::Standup::id`].
 */
id: string, } | { "kind": "link",
/**
 * Its content.
 */
preview: LinkPreview, } | { "kind": "journal",
/**
 * Every step.
 */
journal: JournalView, } | { "kind": "saved",
/**
 * Where.
 */
path: string, };
/**
 * What this user may do in the meeting.
 */
export type Rights = {
/**
 * Let in, keep out, remove, lock, ask for a new key.
 */
host: boolean,
/**
 * Let somebody who was removed ask again.
 */
organizer: boolean,
/**
 * End the meeting for everyone.
 */
end: boolean, };
/**
 * A person or a program.
 */
export type Role = "person" | "bot";
/**
 * One change of the settings.
 */
export type Setting = { "kind": "theme",
/**
 * The theme to use.
 */
theme: Theme, } | { "kind": "echo_cancellation",
/**
 * On or off.
 */
on: boolean, } | { "kind": "noise_reduction",
/**
 * On or off.
 */
on: boolean, } | { "kind": "even_volume",
/**
 * On or off.
 */
on: boolean, } | { "kind": "voice_quality",
/**
 * How much.
 */
quality: VoiceQuality, } | { "kind": "low_delay",
/**
 * On or off.
 */
on: boolean, } | { "kind": "place_voices",
/**
 * On or off.
 */
on: boolean, } | { "kind": "cover_traffic",
/**
 * On or off.
 */
on: boolean, } | { "kind": "talk_key",
/**
 * What.
 */
does: TalkKey, } | { "kind": "global_key",
/**
 * Which, if any.
 */
key: GlobalKey | null, } | { "kind": "relay",
/**
 * `host` or `host:port`.
 */
address: string, };
/**
 * The settings, all of which act at once.
 */
export type Settings = {
/**
 * Light or dark.
 */
theme: Theme,
/**
 * Echo cancellation.
 */
echoCancellation: boolean,
/**
 * Noise reduction.
 */
noiseReduction: boolean,
/**
 * Automatic gain.
 */
evenVolume: boolean,
/**
 * How much of the line the own voice takes.
 */
voiceQuality: VoiceQuality,
/**
 * Shorter packets, and no noise reduction: the own voice is heard sooner.
 */
lowDelay: boolean,
/**
 * Everyone is heard from a place of their own, for headphones.
 */
placeVoices: boolean,
/**
 * Silence is sent while muted.
 */
coverTraffic: boolean,
/**
 * What the talk key does.
 */
talkKey: TalkKey,
/**
 * The talk key that works from anywhere, if one is wanted.
 */
globalKey: GlobalKey | null,
/**
 * Whether it does.
 */
globalKeyState: GlobalKeyState, };
/**
 * What is known of the sign of life of whoever looks after the key.
 */
export type SignOfLife = "steady" | "stale" | "cut" | "forgotten";
/**
 * Figures of the whole meeting's sound.
 */
export type SoundFigures = {
/**
 * When, ms since 1970.
 */
atMs: number,
/**
 * Round trip to the relay, ms, if measured.
 */
rttMs: number | null,
/**
 * What speech is coded with, bits per second, copies not counted.
 */
bitrate: number,
/**
 * Copies of earlier packets that go with each.
 */
copies: number,
/**
 * The largest loss of this device's packets that anyone reported lately, percent.
 */
lostOfMine: number,
/**
 * Processor time of this program beside its window, percent of one core; `None` where the
 * system does not tell.
 */
cpu: number | null,
/**
 * Times that the loudspeaker had too little to play, since the meeting began.
 */
dropouts: number,
/**
 * Everyone of whom sound came.
 */
from: Array<SoundFrom>, };
/**
 * How one member's sound arrives, over the last five seconds.
 */
export type SoundFrom = {
/**
 * The roster index.
 */
idx: number,
/**
 * How long their sound waits here beyond the fastest packet, ms.
 */
delayMs: number,
/**
 * How long it should, by what the network did lately, ms.
 */
targetMs: number,
/**
 * Packets that did not come, percent.
 */
lost: number,
/**
 * Those of them that came again with a later one, percent of all.
 */
repaired: number,
/**
 * What was made up instead, milliseconds of a minute.
 */
concealedMs: number, };
/**
 * The meeting was in two parts.
 */
export type Split = {
/**
 * From when.
 */
fromMs: number,
/**
 * Until when; `None` while it lasts.
 */
toMs: number | null,
/**
 * The epoch in which it is one again.
 */
epoch: number | null,
/**
 * The user has opened it since it ended.
 */
read: boolean, };
/**
 * A run of the spoken code: three words that are the same for everyone only if nobody sits between.
 */
export type Spoken = { "kind": "idle" } | { "kind": "running",
/**
 * How many are ready.
 */
have: number,
/**
 * Of how many.
 */
of: number, } | { "kind": "code",
/**
 * In the order in which they are read.
 */
words: Array<string>, } | { "kind": "failed",
/**
 * How often in a row.
 */
times: number, } | { "kind": "compare_fingerprints" };
/**
 * How a run of the spoken code ended.
 */
export type SpokenEnd = "shown" | "rotated" | "missing" | "cheated" | "replaced" | "too_early";
/**
 * A recurring meeting that this profile is part of.
 */
export type Standup = {
/**
 * The handle that commands name it by.
 */
id: string,
/**
 * What the team calls it.
 */
title: string,
/**
 * The whole invite link.
 */
link: string,
/**
 * This profile is the organizer.
 */
organizer: boolean,
/**
 * Name of the organizer, if known.
 */
organizerName: string | null,
/**
 * The relay's address.
 */
relay: string,
/**
 * Whether that relay answers.
 */
relayReach: RelayReach,
/**
 * The next time, if there is a schedule.
 */
nextAtMs: number | null,
/**
 * When it last met.
 */
lastMetMs: number | null,
/**
 * Its passphrase.
 */
passphrase: StandupPassphrase,
/**
 * Everybody else in it.
 */
members: Array<StandupMember>, };
/**
 * A member of a standup, as remembered on this computer.
 */
export type StandupMember = {
/**
 * Display name.
 */
name: string,
/**
 * What is known about the key.
 */
trust: Trust,
/**
 * A wrap can be made in advance. Without, the member gets the key on joining.
 */
keyWaiting: boolean,
/**
 * In the meeting right now, as far as this computer knows.
 */
present: boolean, };
/**
 * What this computer knows of a standup's passphrase.
 */
export type StandupPassphrase = "none" | "asked" | "remembered";
/**
 * Somebody else looks after the key than when the meeting began.
 */
export type Takeover = {
/**
 * Who does now.
 */
name: string,
/**
 * Who did before.
 */
before: string,
/**
 * That one is not in the meeting any more.
 */
gone: boolean,
/**
 * The first epoch of it.
 */
epoch: number,
/**
 * When that epoch was made or first seen.
 */
atMs: number,
/**
 * Everyone has confirmed that epoch or a later one.
 */
settled: boolean, };
/**
 * What the key does.
 */
export type TalkKey = "hold_to_talk" | "hold_to_mute" | "toggle";
/**
 * Light, dark, or as the system says.
 */
export type Theme = "system" | "light" | "dark";
/**
 * One epoch's life.
 */
export type TimelineEntry = {
/**
 * The epoch's number.
 */
epoch: number,
/**
 * Why it was made.
 */
reason: KeyReason,
/**
 * Display name of whoever's device made it.
 */
madeBy: string,
/**
 * This device made it.
 */
madeHere: boolean,
/**
 * Who got it, by name, without whoever made it.
 */
sharedWith: Array<string>,
/**
 * Who confirmed it, in the order of arrival; empty where that was not written down.
 */
confirmations: Array<Confirmation>,
/**
 * How many have confirmed, this device included.
 */
confirmed: number,
/**
 * Of how many.
 */
members: number,
/**
 * How far it has come.
 */
phase: KeyPhase,
/**
 * When it was made or first seen.
 */
madeAtMs: number,
/**
 * When it came into use.
 */
inUseAtMs: number | null,
/**
 * When another came into use after it.
 */
retiredAtMs: number | null,
/**
 * When it was erased or, while `phase` is `retiring`, when it will be.
 */
erasedAtMs: number | null, };
/**
 * What this computer knows about a person's key.
 */
export type Trust = "verified" | "not_verified" | "new_device" | "key_changed";
/**
 * A pairing code on its way from the keyboard. Zeroized on drop and never printed, like a
 * [`crate::Passphrase`].
 */
export type TypedCode = string;
/**
 * A meeting's passphrase, as typed.
 */
export type TypedPassphrase = {
/**
 * The passphrase.
 */
text: Passphrase,
/**
 * Remember it for this standup on this computer.
 */
remember: boolean, };
/**
 * A refusal: a code for the words, and a detail for whoever helps.
 */
export type UiError = {
/**
 * What kind it is.
 */
code: ErrorCode,
/**
 * In plain English, for logs and helpers. Holds no secret and no link.
 */
detail: string, };
/**
 * One message on the window's channel.
 */
export type UiUpdate = { "kind": "snapshot",
/**
 * What to show.
 */
view: AppView, } | { "kind": "sound",
/**
 * What to plot.
 */
figures: SoundFigures, } | { "kind": "levels",
/**
 * What to move.
 */
levels: Levels, };
/**
 * How much of the line the own voice takes: a constant rate. The others need the same for hearing.
 */
export type VoiceQuality = "small_line" | "standard" | "good" | "very_good" | "best";
