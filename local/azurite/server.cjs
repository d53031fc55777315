"use strict";
/**
 * Starts Azurite with what makes it durable and as strict as the cloud, and says on standard output, in one line
 * `READY {json}`, when all three services answer and a SIGTERM would end them cleanly.
 */
require("node:module").enableCompileCache(`${__dirname}/node_modules/.cache`); // starts a quarter sooner

require("./journal.cjs");
require("./dates.cjs"); // after the journal, which applies its changes while a database is loaded
require("./limits.cjs");
require("./ranges.cjs");
const { EMULATOR_ACCOUNT_KEY, EMULATOR_ACCOUNT_NAME } = require("azurite/dist/src/common/utils/constants");

const LISTENING = /^Azurite (\w+) service is successfully listening at http:\/\/[\d.]+:(\d+)/;
const ports = {};

const log = console.log;
console.log = (message, ...rest) => {
  const listening = LISTENING.exec(message);
  if (listening) ports[listening[1].toLowerCase()] = Number(listening[2]);
  log(message, ...rest);
};

function connectionString() {
  const endpoints = Object.entries({ Blob: ports.blob, Queue: ports.queue, Table: ports.table }).map(
    ([service, port]) => `${service}Endpoint=http://127.0.0.1:${port}/${EMULATOR_ACCOUNT_NAME};`,
  );
  // The key is Azurite's published one, the same on every machine: not a secret.
  const key = EMULATOR_ACCOUNT_KEY.toString("base64");
  return `DefaultEndpointsProtocol=http;AccountName=${EMULATOR_ACCOUNT_NAME};AccountKey=${key};${endpoints.join("")}`;
}

function announceReady() {
  const info = {
    blob_port: ports.blob,
    queue_port: ports.queue,
    table_port: ports.table,
    connection_string: connectionString(),
  };
  log(`READY ${JSON.stringify(info)}`);
}

// Azurite listens for SIGTERM as the last act of its start.
process.on("newListener", (event) => {
  if (event === "SIGTERM") setImmediate(announceReady);
});

require("azurite/dist/src/azurite.js");
