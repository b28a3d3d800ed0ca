// Compiles contracts.sol with solc, offline; writes name → code and functions.
const fs = require("fs"), path = require("path");
const modules = path.join(__dirname, "../tools/node_modules");
const solc = require(path.join(modules, "solc"));
const input = {
  language: "Solidity",
  sources: { "contracts.sol": { content: fs.readFileSync(path.join(__dirname, "contracts.sol"), "utf8") } },
  settings: { outputSelection: { "*": { "*": ["evm.bytecode.object", "evm.methodIdentifiers"] } } },
};
const find = (name) => ({ contents: fs.readFileSync(path.join(modules, name), "utf8") });
const output = JSON.parse(solc.compile(JSON.stringify(input), { import: find }));
const errors = (output.errors || []).filter((error) => error.severity === "error");
if (errors.length) throw new Error(errors.map((error) => error.formattedMessage).join("\n"));
const compiled = {};
for (const [name, contract] of Object.entries(output.contracts["contracts.sol"]))
  compiled[name] = { code: contract.evm.bytecode.object, functions: contract.evm.methodIdentifiers };
process.stdout.write(JSON.stringify(compiled));
