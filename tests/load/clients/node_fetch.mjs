// node_fetch.mjs URL SIZE COUNT: POSTs bodies one after the other; prints the statuses as JSON.
const [url, size, count] = process.argv.slice(2);
const body = new Uint8Array(Number(size)).fill(32);
const headers = {"Content-Type": "application/octet-stream"};
const statuses = [];
for (let turn = 0; turn < Number(count); turn++) {
  try {
    const response = await fetch(url, {method: "POST", body, headers});
    await response.arrayBuffer();
    statuses.push(response.status);
  } catch {
    statuses.push(0);
  }
}
console.log(JSON.stringify(statuses));
process.exit();
