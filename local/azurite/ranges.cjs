"use strict";
/**
 * Answers queries within one partition of a table from an ordered index, as the cloud does.
 *
 * Azurite looks at every entity of the table and sorts those that it found, for each page: reading the head of a queue
 * of 100,000 rows takes a second here and milliseconds there. The index is built by a table's first such query, and kept
 * up from then on. What a query finds is decided by Azurite's own filter; the index only says where to look.
 */
const Loki = require("lokijs");
const TableStore = require("azurite/dist/src/table/persistence/LokiTableMetadataStore").default;
const QueryGenerator = require("azurite/dist/src/table/persistence/LokiTableStoreQueryGenerator").default;
const parseQuery = require("azurite/dist/src/table/persistence/QueryInterpreter/QueryParser").default;

const indices = new WeakMap(); // collection -> PartitionIndex

class PartitionIndex {
  constructor(entities) {
    this.partitions = new Map(); // partition key -> { keys: row keys in order, entities: by row key }
    for (const entity of entities) this.partition(entity.PartitionKey).entities.set(entity.RowKey, entity);
    for (const partition of this.partitions.values()) {
      partition.keys = [...partition.entities.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    }
  }

  partition(key) {
    if (!this.partitions.has(key)) this.partitions.set(key, { keys: [], entities: new Map() });
    return this.partitions.get(key);
  }

  put(entity) {
    const { keys, entities } = this.partition(entity.PartitionKey);
    if (!entities.has(entity.RowKey)) keys.splice(firstAtOrAbove(keys, entity.RowKey), 0, entity.RowKey);
    entities.set(entity.RowKey, entity);
  }

  remove(entity) {
    const partition = this.partitions.get(entity.PartitionKey);
    if (!partition?.entities.delete(entity.RowKey)) return;
    partition.keys.splice(firstAtOrAbove(partition.keys, entity.RowKey), 1);
    if (partition.keys.length === 0) this.partitions.delete(entity.PartitionKey);
  }
}

function firstAtOrAbove(keys, key) {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle] < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The partition that a filter names, and between which row keys it looks: what its outermost "and" says of them. */
function boundsOf(filter) {
  const bounds = { partition: undefined, low: "", high: undefined };
  const visit = (node) => {
    if (node.name === "and") {
      visit(node.left);
      visit(node.right);
      return;
    }
    const [name, value] = [node.left?.identifier, node.right?.value];
    if (typeof value !== "string" || node.right.name !== "constant") return;
    if (name === "PartitionKey" && node.name === "eq") bounds.partition = value;
    if (name !== "RowKey") return;
    if (["eq", "gt", "ge"].includes(node.name) && value > bounds.low) bounds.low = value;
    if (["eq", "lt", "le"].includes(node.name) && !(value > bounds.high)) bounds.high = value;
  };
  visit(parseQuery(filter));
  return bounds;
}

const queryAll = TableStore.prototype.queryTableEntities;
TableStore.prototype.queryTableEntities = async function (context, account, table, options, nextPartition, nextRow) {
  const matches = QueryGenerator.generateQueryForPersistenceLayer(options, context); // refuses what isn't a filter
  const bounds = options.filter ? boundsOf(options.filter) : {};
  if (bounds.partition === undefined) {
    return queryAll.call(this, context, account, table, options, nextPartition, nextRow);
  }
  const collection = this.getEntityCollection(account, table, context);
  if (!indices.has(collection)) indices.set(collection, new PartitionIndex(collection.data));
  const { keys, entities } = indices.get(collection).partitions.get(bounds.partition) ?? { keys: [] };
  const [partition, row] = [this.decodeContinuationHeader(nextPartition), this.decodeContinuationHeader(nextRow)];
  const most = this.getMaxResultsOption(options);
  const found = [];
  let low = bounds.low;
  if (partition !== undefined && bounds.partition < partition) low = undefined; // of an earlier partition: all given
  if (partition === bounds.partition && row > low) low = row;
  if (low !== undefined) {
    for (let at = firstAtOrAbove(keys, low); at < keys.length && found.length <= most; at += 1) {
      if (keys[at] > bounds.high) break;
      const entity = entities.get(keys[at]);
      if (matches(entity)) found.push(entity);
    }
  }
  const { nextPartitionKeyResponse, nextRowKeyResponse } = this.adjustQueryResultforTop(found, most);
  return [found, nextPartitionKeyResponse, nextRowKeyResponse];
};

function wrap(name, follow) {
  const original = Loki.Collection.prototype[name];
  Loki.Collection.prototype[name] = function (...args) {
    const result = original.apply(this, args);
    if (indices.has(this)) follow.call(this, indices.get(this), args[0], result);
    return result;
  };
}

wrap("insertOne", (index, _document, inserted) => inserted && index.put(inserted));
wrap("update", (index, document, updated) => Array.isArray(document) || index.put(updated));
wrap("remove", function (index, document) {
  if (typeof document === "object" && !Array.isArray(document)) index.remove(document);
  else indices.delete(this); // not how Azurite removes entities
});
for (const name of ["removeBatchByPositions", "clear"]) {
  wrap(name, function () {
    indices.delete(this);
  });
}
