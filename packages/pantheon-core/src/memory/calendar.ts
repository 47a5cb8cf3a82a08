/**
 * Which task is due when. Tasks that are due in the same millisecond share a bucket; the buckets lie in a heap. So a hundred
 * thousand tasks of one interval cost the heap a thousand buckets, and leaving a bucket costs the same however full it is.
 */

/** A scheduled task. There may be very many, so it has few fields and no closure of its own. */
export class Entry {
  task: () => unknown;
  /** 0 for a task that runs once, and for one that was cancelled. */
  interval: number;
  /** Tells which of two tasks was scheduled first. */
  readonly order: number;
  bucket: Bucket | undefined = undefined;
  previous: Entry | undefined = undefined;
  next: Entry | undefined = undefined;
  /** Whether the promise of its last run is still open. */
  running = false;

  constructor(task: () => unknown, interval: number, order: number) {
    this.task = task;
    this.interval = interval;
    this.order = order;
  }
}

/** The tasks of one millisecond. */
export class Bucket {
  readonly due: number;
  /** Counts up with every bucket made, so that a run can tell what was added while it ran. */
  readonly serial: number;
  /** Its place in the heap; -1 when it has left it. */
  index = -1;
  first: Entry | undefined = undefined;
  last: Entry | undefined = undefined;
  ordered = true;

  constructor(due: number, serial: number) {
    this.due = due;
    this.serial = serial;
  }
}

const before = (a: Bucket, b: Bucket): boolean =>
  a.due < b.due || (a.due === b.due && a.serial < b.serial);

const unlink = (bucket: Bucket, entry: Entry): void => {
  if (entry.previous === undefined) bucket.first = entry.next;
  else entry.previous.next = entry.next;
  if (entry.next === undefined) bucket.last = entry.previous;
  else entry.next.previous = entry.previous;
  entry.previous = undefined;
  entry.next = undefined;
  entry.bucket = undefined;
};

const append = (bucket: Bucket, entry: Entry): void => {
  const last = bucket.last;
  entry.bucket = bucket;
  entry.previous = last;
  if (last === undefined) bucket.first = entry;
  else {
    last.next = entry;
    if (last.order > entry.order) bucket.ordered = false;
  }
  bucket.last = entry;
};

/** Entries by their due time, in integer milliseconds. */
export class Calendar {
  readonly #buckets = new Map<number, Bucket>();
  readonly #heap: Bucket[] = [];
  #made = 0;

  /** The number of buckets made so far: the serial of the next one. */
  get made(): number {
    return this.#made;
  }

  /** The earliest bucket. */
  get first(): Bucket | undefined {
    return this.#heap[0];
  }

  add(entry: Entry, due: number): void {
    let bucket = this.#buckets.get(due);
    if (bucket === undefined) {
      bucket = new Bucket(due, this.#made);
      this.#made += 1;
      this.#buckets.set(due, bucket);
      this.#heap.push(bucket);
      this.#rise(bucket, this.#heap.length - 1);
    }
    append(bucket, entry);
  }

  /** Takes an entry out of wherever it waits. */
  remove(entry: Entry): void {
    const bucket = entry.bucket;
    if (bucket === undefined) return;
    unlink(bucket, entry);
    if (bucket.first === undefined) this.#drop(bucket);
  }

  /** Takes a bucket out, its entries in the order of their scheduling; what is due then from now on gets a new bucket. */
  take(bucket: Bucket): void {
    this.#drop(bucket);
    if (bucket.ordered) return;
    const entries: Entry[] = [];
    for (let entry = bucket.first; entry !== undefined; entry = entry.next) entries.push(entry);
    // A bucket is filled by few passes, each in order; merging such runs is what this sort is good at.
    entries.sort((a, b) => a.order - b.order);
    bucket.first = undefined;
    bucket.last = undefined;
    for (const entry of entries) {
      entry.next = undefined;
      append(bucket, entry);
    }
    bucket.ordered = true;
  }

  /** Forgets everything. */
  clear(): void {
    for (const bucket of this.#heap) {
      bucket.index = -1;
      while (bucket.first !== undefined) unlink(bucket, bucket.first);
    }
    this.#heap.length = 0;
    this.#buckets.clear();
  }

  #drop(bucket: Bucket): void {
    const index = bucket.index;
    if (index === -1) return;
    bucket.index = -1;
    this.#buckets.delete(bucket.due);
    const last = this.#heap.pop() as Bucket;
    if (last === bucket) return;
    const parent = index === 0 ? undefined : this.#heap[(index - 1) >> 1];
    if (parent !== undefined && before(last, parent)) this.#rise(last, index);
    else this.#sink(last, index);
  }

  #rise(bucket: Bucket, from: number): void {
    let index = from;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#heap[parentIndex] as Bucket;
      if (!before(bucket, parent)) break;
      this.#place(parent, index);
      index = parentIndex;
    }
    this.#place(bucket, index);
  }

  #sink(bucket: Bucket, from: number): void {
    const heap = this.#heap;
    let index = from;
    for (let child = 2 * index + 1; child < heap.length; child = 2 * index + 1) {
      const right = heap[child + 1];
      if (right !== undefined && before(right, heap[child] as Bucket)) child += 1;
      const below = heap[child] as Bucket;
      if (!before(below, bucket)) break;
      this.#place(below, index);
      index = child;
    }
    this.#place(bucket, index);
  }

  #place(bucket: Bucket, index: number): void {
    this.#heap[index] = bucket;
    bucket.index = index;
  }
}
