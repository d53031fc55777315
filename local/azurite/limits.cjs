"use strict";
/**
 * The limits of table entities that Azurite does not enforce, so that what is stored here can be stored in the cloud.
 *
 * An entity holds at most 252 properties of its own and 1 MiB, strings counting two bytes a character
 * (learn.microsoft.com, "Understanding the Table service data model"). Azurite does not count properties; it compares
 * the request body, at one byte a character, with 4 MiB for an insert and with 1 MiB for an update, and never looks at
 * what a merge makes. The sizes are those of Microsoft's published formula ("How the size of an entity is calculated in
 * Windows Azure table storage").
 */
const TableStore = require("azurite/dist/src/table/persistence/LokiTableMetadataStore").default;
const StorageError = require("azurite/dist/src/table/errors/StorageError").default;
const { default: StorageErrorFactory } = require("azurite/dist/src/table/errors/StorageErrorFactory");

const MAX_BYTES = 1024 * 1024;
const MAX_PROPERTIES = 252;
const SYSTEM = new Set(["PartitionKey", "RowKey", "Timestamp"]);
const FIXED_BYTES = {
  "Edm.Boolean": 1,
  "Edm.DateTime": 8,
  "Edm.Double": 8,
  "Edm.Guid": 16,
  "Edm.Int32": 4,
  "Edm.Int64": 8,
};

function valueBytes(value, type) {
  if (type in FIXED_BYTES) return FIXED_BYTES[type];
  if (type === "Edm.Binary") return Buffer.byteLength(value, "base64") + 4;
  if (typeof value === "string") return value.length * 2 + 4;
  return typeof value === "boolean" ? 1 : 8;
}

function check(context, entity, properties) {
  const names = Object.keys(properties).filter((name) => !SYSTEM.has(name) && !name.endsWith("@odata.type"));
  if (names.length > MAX_PROPERTIES) {
    const text = `The entity contains more properties than allowed: ${names.length}, at most ${MAX_PROPERTIES}.`;
    throw new StorageError(400, "TooManyProperties", text, context.contextID, undefined, context);
  }
  let bytes = 4 + (entity.PartitionKey.length + entity.RowKey.length) * 2;
  for (const name of names) {
    bytes += 8 + name.length * 2 + valueBytes(properties[name], properties[`${name}@odata.type`]);
  }
  if (bytes > MAX_BYTES) throw StorageErrorFactory.getEntityTooLarge(context);
}

for (const method of ["insertTableEntity", "updateTableEntity"]) {
  const original = TableStore.prototype[method];
  TableStore.prototype[method] = async function (context, table, account, entity, ...rest) {
    check(context, entity, entity.properties);
    return original.call(this, context, table, account, entity, ...rest);
  };
}

const merge = TableStore.prototype.mergeTableEntity;
TableStore.prototype.mergeTableEntity = async function (context, table, account, entity, ...rest) {
  const { PartitionKey, RowKey } = entity;
  const stored = this.getEntityCollection(account, table, context).findOne({ RowKey, PartitionKey });
  check(context, entity, { ...stored?.properties, ...entity.properties });
  return merge.call(this, context, table, account, entity, ...rest);
};
