// Unsaved text, stored in this browser (IndexedDB), so that it survives a reload, a crash and the end of a session.
//
// Each record belongs to one user, one draft (its ID is unique across projects), one file, and one load of a page: two tabs
// with the same file do not overwrite each other's text.

const DATABASE = "puras", STORE = "unsaved";
const PAGE = crypto.getRandomValues(new Uint32Array(4)).join("-");
const MAX_AGE_MS = 14 * 24 * 60 * 60_000;
const MAX_CHARACTERS = 32 << 20; // of all records together; the oldest are deleted first

/** A file of a draft, and the user whose text it is. */
export interface UnsavedFile {
  user: string;
  draft: string;
  path: string;
}

export interface UnsavedText {
  /** The ETag that the text is based on. */
  base: string | null;
  text: string;
  /** Texts whose save was not confirmed. */
  sent: string[];
}

interface StoredText extends UnsavedFile, UnsavedText {
  page: string;
  at: number;
  size: number;
}

let opening: Promise<IDBDatabase> | null = null, isOver = false;
const writes = new Set<Promise<boolean>>(); // under way
const tasks = new Set<() => void>();

/** Store the text of a file; resolves to whether it is stored. */
export function keep(file: UnsavedFile, { base, text, sent }: UnsavedText): Promise<boolean> {
  if (isOver) return Promise.resolve(true);
  const size = text.length + sent.reduce((sum, one) => sum + one.length, 0);
  const write = within<void>("readwrite", (store) => { store.put({ ...file, page: PAGE, base, text, sent, at: Date.now(), size }); pruneIn(store); }).then(() => true, () => false);
  writes.add(write);
  write.then(() => writes.delete(write));
  return write;
}

/** Delete what this page has stored of a file. */
export const forget = ({ user, draft, path }: UnsavedFile) => within<void>("readwrite", (store) => { store.delete([user, draft, path, PAGE]); }).catch(() => {});

/** The text of a file that was not saved: this page's own, otherwise the newest one, which becomes this page's own. Null if there is none. */
export const take = ({ user, draft, path }: UnsavedFile) => within<StoredText | null>("readwrite", (store, done) => {
  const request: IDBRequest<StoredText[]> = store.getAll(below(user, draft, path));
  request.onsuccess = () => {
    const records = request.result.toSorted((one, other) => Number(other.page === PAGE) - Number(one.page === PAGE) || other.at - one.at), found = records[0];
    if (!found) return done(null);
    store.delete([user, draft, path, found.page]);
    store.put({ ...found, page: PAGE });
    return done(found);
  };
}).catch(() => null);

/** The paths in a draft that have unsaved text of the user. */
export const unsavedPaths = (user: string, draft: string) => within<string[]>("readonly", (store, done) => {
  const request = store.getAllKeys(below(user, draft)) as unknown as IDBRequest<Key[]>;
  request.onsuccess = () => done([...new Set(request.result.map(([, , path]) => path))]);
}).catch((): string[] => []);

/** The number of files, in all projects, in which the user has unsaved text. */
export const unsavedCount = (user: string) => within<number>("readonly", (store, done) => {
  const request = store.getAllKeys(below(user)) as unknown as IDBRequest<Key[]>;
  request.onsuccess = () => done(new Set(request.result.map(([, draft, path]) => `${draft}/${path}`)).size);
}).catch(() => 0);

/** Delete all text of the user, who signs out: this page stores none from now on. */
export function forgetAll(user: string) {
  isOver = true;
  return within<void>("readwrite", (store) => { store.delete(below(user)); }).catch(() => {});
}

/** Delete what is too old. */
export const prune = () => within<void>("readwrite", pruneIn).catch(() => {});

/** Have `task` called when the page is about to be left on its own, to store what was just written. Returns a function that stops this. */
export function beforeLeaving(task: () => void) { tasks.add(task); return () => tasks.delete(task); }

/** Store what was just written; resolves as soon as it is stored. */
export async function keepAll() {
  for (const task of tasks) task();
  await Promise.all(writes);
}

type Key = [user: string, draft: string, path: string, page: string];

/** All keys that start with these values: an array sorts after every string. */
const below = (...start: string[]) => IDBKeyRange.bound(start, [...start, []]);

function pruneIn(store: IDBObjectStore) {
  let characters = 0;
  const oldest = Date.now() - MAX_AGE_MS;
  const request = store.index("by_age").openKeyCursor(null, "prev");
  request.onsuccess = () => {
    const cursor = request.result;
    if (!cursor) return;
    const [at, size] = cursor.key as [number, number];
    characters += size;
    if (at < oldest || characters > MAX_CHARACTERS) store.delete(cursor.primaryKey);
    cursor.continue();
  };
}

function database(): Promise<IDBDatabase> {
  opening ??= new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: ["user", "draft", "path", "page"] }).createIndex("by_age", ["at", "size"]);
    request.onerror = () => reject(request.error);
    request.onsuccess = () => { request.result.onclose = () => { opening = null; }; resolve(request.result); };
  }).catch((error: unknown) => { opening = null; throw error; });
  return opening;
}

/** One transaction; resolves after it is complete to what `act(store, done)` called `done` with. */
async function within<Result>(mode: IDBTransactionMode, act: (store: IDBObjectStore, done: (value: Result) => void) => void): Promise<Result> {
  const transaction = (await database()).transaction(STORE, mode);
  return new Promise<Result>((resolve, reject) => {
    let result: Result;
    transaction.oncomplete = () => resolve(result);
    transaction.onabort = () => reject(transaction.error);
    act(transaction.objectStore(STORE), (value) => { result = value; });
  });
}
