"""Azurite's garbage collector sees every blob, also those of equal names at the edge of its pages of 5,000."""

import subprocess
from pathlib import Path

from local.azurite.__main__ import HERE, find_node

BLOBS_BEFORE_THE_EDGE = 4_999
LIST_WHAT_THE_COLLECTOR_SEES = """
const [folder, database, count] = process.argv.slice(1);
require(`${folder}/journal.cjs`);
const Store = require(`${folder}/node_modules/azurite/dist/src/blob/persistence/LokiBlobMetadataStore`).default;
(async () => {
  const store = new Store(database, false);
  await store.init();
  const blobs = store.db.getCollection("$BLOBS_COLLECTION$");
  const add = (containerName, name, id) =>
    blobs.insert({ containerName, name, snapshot: "", isCommitted: true, properties: {}, persistency: { id } });
  for (let i = 0; i < Number(count); i++) add("many", `a${i}`, `extent of a${i}`);
  for (const container of ["one", "two", "three"]) add(container, "same name", `extent in ${container}`);
  const seen = new Set();
  const extents = store.iteratorExtents();
  for (let page = await extents.next(); page.value.length > 0; page = await extents.next())
    for (const extent of page.value) seen.add(extent);
  console.log(["one", "two", "three"].filter((name) => seen.has(`extent in ${name}`)).join(" "));
})();
"""


def test_blobs_of_one_name_in_several_containers_keep_their_contents(tmp_path: Path) -> None:
    script = [find_node(), "-e", LIST_WHAT_THE_COLLECTOR_SEES]
    arguments = [str(HERE), str(tmp_path / "database.json"), str(BLOBS_BEFORE_THE_EDGE)]
    listed = subprocess.run([*script, *arguments], capture_output=True, text=True, timeout=60, check=True)
    assert listed.stdout.split() == ["one", "two", "three"]
