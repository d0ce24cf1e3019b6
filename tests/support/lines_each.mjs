// For the tests: one process that lets the second verifier look at many disclosures.
//   node lines_each.mjs VERIFY.mjs record.pub.jwk LEDGER-KEY CASES.json
// CASES.json: {"files": [file, ...], "proof": file|null, "flip": file|null}; prints {"files": [reason|null, ...], "accepted": [place, ...]}
import fs from 'node:fs'
import { pathToFileURL } from 'node:url'

const [script, record, key, cases] = process.argv.slice(2)
const { verifyLines, recordKey, ledgerKey } = await import(pathToFileURL(script).href)
const keys = [recordKey(JSON.parse(fs.readFileSync(record, 'utf8')))]
const ledger = ledgerKey(key)
const asked = JSON.parse(fs.readFileSync(cases, 'utf8'))
const proof = asked.proof ? fs.readFileSync(asked.proof) : null
const why = raw => { try { verifyLines(raw, keys, ledger, proof); return null } catch (error) { return error.constructor.name === 'Doubt' ? error.message : `CRASH ${error.stack}` } }
const accepted = []; const crashed = []
if (asked.flip) {
  const raw = fs.readFileSync(asked.flip)
  for (let at = 0; at < raw.length; at += 1) {
    raw[at] ^= 1 << (at % 8)
    const found = why(raw)
    if (found === null) accepted.push(at)
    else if (found.startsWith('CRASH')) crashed.push([at, found])
    raw[at] ^= 1 << (at % 8)
  }
}
console.log(JSON.stringify({ files: asked.files.map(one => why(fs.readFileSync(one))), accepted, crashed }))
