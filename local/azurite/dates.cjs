"use strict";
/**
 * Gives documents their dates back after a start.
 *
 * Azurite compares some times as Date objects, but a database that was loaded holds them as strings. Unmended, every
 * lease counts as expired after a restart (two hosts would own one lease) and messages of a queue never expire.
 */
const Loki = require("lokijs");

const LEASE = ["leaseExpireTime", "leaseBreakTime"];
const DATES = {
  $CONTAINERS_COLLECTION$: { document: LEASE, properties: ["lastModified"] },
  $BLOBS_COLLECTION$: {
    document: LEASE,
    properties: ["creationTime", "lastModified", "copyCompletionTime", "accessTierChangeTime"],
  },
  $MESSAGES_COLLECTION$: { document: ["insertionTime", "expirationTime"], properties: [] },
};

function revive(holder, names) {
  for (const name of names) if (typeof holder[name] === "string") holder[name] = new Date(holder[name]);
}

const load = Loki.prototype.loadJSONObject;
Loki.prototype.loadJSONObject = function (...args) {
  load.apply(this, args);
  for (const collection of this.collections) {
    const dates = DATES[collection.name];
    if (!dates) continue; // the entities of a table have properties of the user's own
    for (const document of collection.data) {
      revive(document, dates.document);
      revive(document.properties ?? {}, dates.properties);
    }
  }
};
