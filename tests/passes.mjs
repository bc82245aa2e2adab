// passes.js under Node: a JSON list of [function, ...arguments] comes in, a JSON list of what they return goes out.
import { readFileSync } from "node:fs"
const { script, calls } = JSON.parse(readFileSync(0, "utf8"))
const names = "forward, gradients, errors, keys, losses"
const more = `
const keys = () => Object.fromEntries(Object.entries(STAGES).map(([stage, options]) => [stage, Object.keys(options)]))
const losses = (start, ids, recipe, faults, updates) => Array.from({ length: updates }, training(start, ids, recipe, faults))
return { ${names} }`
const functions = new Function(readFileSync(script, "utf8") + more)()
const of = ([name, ...given]) => name === "gradients" ? functions.gradients(functions.forward(...given.slice(1)), given[0]) : functions[name](...given)
console.log(JSON.stringify(calls.map(of), (_, value) => ArrayBuffer.isView(value) ? [...value] : value))
