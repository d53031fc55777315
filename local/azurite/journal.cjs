"use strict";
/**
 * Makes Azurite's metadata survive `kill -9`, as acknowledged writes in the cloud do.
 *
 * Azurite keeps the metadata of blobs, queues and tables in LokiJS databases: in memory, saved as a whole every few
 * seconds. This module patches LokiJS so that every change is appended to a journal beside the database before the
 * request is answered, and is applied again when the database is loaded.
 *
 * - One line of the journal holds what one synchronous stretch of code changed (Azurite updates a table entity by
 *   removing and inserting it), or one whole table transaction. A line that was cut off by the end of the process
 *   counts as never written, so each is applied whole or not at all.
 * - The journal is a series of segments `<database>.journal-<n>`. A snapshot names the first segment it does not
 *   cover; older ones are deleted once the snapshot has been renamed into place. A new process starts a new segment.
 * - A snapshot is saved when the journal has outgrown both SLUICE_AZURITE_JOURNAL_BYTES (default 16 MiB) and the last
 *   snapshot, and at a clean exit: its cost is spread over as many changes as it holds.
 *
 * A change has reached the operating system before it is acknowledged, not the disk: a power cut can lose the latest.
 * Blob and queue contents are written to Azurite's extent files, and flushed, before their metadata.
 */
const fs = require("node:fs");
const path = require("node:path");
const Loki = require("lokijs");
const BlobStore = require("azurite/dist/src/blob/persistence/LokiBlobMetadataStore").default;
const TableStore = require("azurite/dist/src/table/persistence/LokiTableMetadataStore").default;

const MIN_BYTES = Number(process.env.SLUICE_AZURITE_JOURNAL_BYTES ?? 16 * 1024 * 1024);

class Journal {
  constructor(database) {
    this.database = database;
    this.pending = [];
    this.held = false; // a table transaction is being applied
    this.paused = false; // the database is being loaded
    this.bytes = 0;
    this.fd = undefined;
    this.segment = Math.max(0, ...this.segments()) + 1;
  }

  pathOf(segment) {
    return `${this.database.filename}.journal-${segment}`;
  }

  segments() {
    const prefix = `${path.basename(this.database.filename)}.journal-`;
    return fs
      .readdirSync(path.dirname(this.database.filename))
      .filter((name) => name.startsWith(prefix))
      .map((name) => Number(name.slice(prefix.length)))
      .sort((a, b) => a - b);
  }

  append(kind, collection, value) {
    if (this.paused) return;
    // Written by a microtask: after this synchronous stretch, and before any code that awaits it can answer.
    if (this.pending.length === 0) queueMicrotask(() => this.flush());
    // Serialised now, because Azurite goes on to change some documents it has handed over.
    this.pending.push(JSON.stringify([kind, collection, value]));
  }

  flush() {
    if (this.held || this.pending.length === 0) return;
    const line = Buffer.from(`[${this.pending.join(",")}]\n`);
    this.pending = [];
    this.fd ??= fs.openSync(this.pathOf(this.segment), "a");
    // An error here (disk full) ends the process: nothing may be acknowledged any more.
    fs.writeFileSync(this.fd, line);
    this.bytes += line.length;
    if (this.bytes >= MIN_BYTES && this.bytes >= this.snapshotBytes()) {
      this.bytes = 0; // if the save fails, the next try is as many bytes away
      this.database.saveDatabase((error) => error && console.error(`Cannot save ${this.database.filename}: ${error}`));
    }
  }

  snapshotBytes() {
    return fs.statSync(this.database.filename, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** Starts a new segment and returns its number: the first one that a snapshot taken now does not cover. */
  rotate() {
    this.flush();
    if (this.fd !== undefined) {
      fs.closeSync(this.fd);
      this.fd = undefined;
      this.segment += 1;
    }
    this.bytes = 0;
    return this.segment;
  }

  dropBefore(segment) {
    for (const old of this.segments()) if (old < segment) fs.unlinkSync(this.pathOf(old));
  }

  /** The operations of one segment, without a last line that was cut off. */
  read(segment) {
    const lines = fs.readFileSync(this.pathOf(segment), "utf8").split("\n");
    lines.pop(); // empty, or the part of a line
    return lines.flatMap((line, index) => {
      try {
        return JSON.parse(line);
      } catch (error) {
        const where = `${this.pathOf(segment)}, line ${index + 1}`;
        throw new Error(`${where} is damaged (${error.message}). Delete the folder to start empty.`);
      }
    });
  }

  /** Applies the segments from `first` on to the database just loaded. */
  replay(first) {
    this.segment = Math.max(this.segment, first); // never a number that the snapshot counts as covered
    const changed = new Map(); // collection -> its documents by $loki
    const documentsOf = (collection) => {
      if (!changed.has(collection)) changed.set(collection, new Map(collection.data.map((doc) => [doc.$loki, doc])));
      return changed.get(collection);
    };
    for (const [kind, name, value] of this.segments().filter((n) => n >= first).flatMap((n) => this.read(n))) {
      const collection = this.database.getCollection(name);
      if (kind === "create") {
        this.database.addCollection(name, value);
      } else if (kind === "drop") {
        changed.delete(collection);
        this.database.removeCollection(name);
      } else if (kind === "put") {
        documentsOf(collection).set(value.$loki, value);
        collection.maxId = Math.max(collection.maxId, value.$loki);
      } else if (kind === "remove") {
        for (const id of value) documentsOf(collection).delete(id);
      }
    }
    for (const [collection, documents] of changed) {
      collection.data = [...documents.values()].sort((a, b) => a.$loki - b.$loki);
      collection.constraints.unique = {}; // LokiJS builds unique indices at their next use
      collection.ensureId();
      collection.ensureAllIndexes(true);
    }
  }
}

const journals = new WeakMap(); // Loki -> Journal
const databases = new WeakMap(); // Collection -> Loki

function journalOf(database) {
  if (!journals.has(database)) journals.set(database, new Journal(database));
  return journals.get(database);
}

function record(kind, collection, value) {
  const database = databases.get(collection);
  if (database) journalOf(database).append(kind, collection.name, value);
}

/** Replaces a method by one that is given the original as its first argument. */
function wrap(prototype, name, replacement) {
  const original = prototype[name];
  prototype[name] = function (...args) {
    return replacement.call(this, original.bind(this), ...args);
  };
}

wrap(Loki.prototype, "addCollection", function (original, name, options) {
  const known = this.collections.length;
  const collection = original(name, options);
  if (this.collections.length > known) {
    databases.set(collection, this);
    record("create", collection, options);
  }
  return collection;
});

wrap(Loki.prototype, "removeCollection", function (original, name) {
  const collection = this.getCollection(name);
  if (collection) {
    record("drop", collection);
    databases.delete(collection); // requests that still hold it write into nothing
  }
  return original(name);
});

wrap(Loki.prototype, "loadJSONObject", function (original, snapshot, options) {
  const journal = journalOf(this);
  journal.paused = true;
  original(snapshot, options);
  journal.replay(snapshot.journalSegment ?? 0);
  journal.paused = false;
});

wrap(Loki.prototype, "saveDatabaseInternal", function (original, callback) {
  const journal = journalOf(this);
  const segment = journal.rotate();
  this.journalSegment = segment; // serialised with the database
  original((error) => {
    if (!error) journal.dropBefore(segment);
    callback(error);
  });
});

// No timer: the journal decides when to save. The flag makes close() save.
Loki.prototype.autosaveEnable = function () {
  this.autosave = true;
};

// LokiJS drops properties of its own by name, at any depth: an entity's property `ttl` would come back as null.
wrap(Loki.prototype, "serialize", function () {
  const ownReplacer = this.serializeReplacer;
  return JSON.stringify(this, function (key, value) {
    return this instanceof Loki || this instanceof Loki.Collection ? ownReplacer(key, value) : value;
  });
});

wrap(Loki.Collection.prototype, "insertOne", function (original, document, bulk) {
  const inserted = original(document, bulk);
  if (inserted) record("put", this, inserted);
  return inserted;
});

wrap(Loki.Collection.prototype, "update", function (original, document) {
  const updated = original(document);
  if (!Array.isArray(document)) record("put", this, updated); // an array comes back here one by one
  return updated;
});

wrap(Loki.Collection.prototype, "remove", function (original, document) {
  if (Array.isArray(document)) return original(document); // goes on to removeBatchByPositions
  const id = typeof document === "number" ? document : document?.$loki;
  const removed = original(document);
  if (removed) record("remove", this, [id]);
  return removed;
});

// Where findAndRemove(), chain().remove() and remove([...]) end.
wrap(Loki.Collection.prototype, "removeBatchByPositions", function (original, positions) {
  const ids = positions.map((position) => this.data[position]?.$loki).filter((id) => id !== undefined);
  const result = original(positions);
  if (result !== null && ids.length > 0) record("remove", this, ids);
  return result;
});

// A table transaction is one line. Azurite applies it without waiting for anything, so no other request is in between.
wrap(TableStore.prototype, "beginBatchTransaction", async function (original, ...args) {
  await original(...args);
  journalOf(this.db).held = true;
});

wrap(TableStore.prototype, "endBatchTransaction", async function (original, ...args) {
  try {
    await original(...args);
  } finally {
    const journal = journalOf(this.db);
    journal.held = false;
    journal.flush();
  }
});

// Only the garbage collector of extents lists all blobs. It pages by name: of equal names (in several containers, or
// snapshots) at the edge of a page it would miss some, and delete their contents. One page has no edge.
wrap(BlobStore.prototype, "listAllBlobs", function (original, _maxResults, ...rest) {
  return original(Infinity, ...rest);
});
