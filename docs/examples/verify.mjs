// Check a bundle of evidence with Node's own crypto alone: a second implementation, which shares no line with the first.
//
//   node verify.mjs BUNDLE(.zip or folder) record.pub.jwk LEDGER-KEY [EARLIER-CHECKPOINT] [--receipt -]
//   node verify.mjs DISCLOSURE.json record.pub.jwk LEDGER-KEY [PROOF-OF-ITS-RECORD] [--receipt -]
//   node verify.mjs RECORD.jws record.pub.jwk [--receipt -]
//   node verify.mjs COPY(folder) record.pub.jwk
//
// With --receipt - it reads a person's receipts from stdin, a line each, and says which requests they open.
// Both keys come from the issuer by another way, not from the bundle. It ends with 0 and says what was proved, or with 4
// and the first doubt. It checks signatures, hashes, proofs and forms; what the lines of a record support, `expunge verify`
// checks too.
import crypto from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import zlib from 'node:zlib'
import { pathToFileURL } from 'node:url'

class Doubt extends Error {}
const refuse = why => { throw new Doubt(why) }
const sha256 = (...parts) => parts.reduce((hash, one) => hash.update(one), crypto.createHash('sha256')).digest()
const leafHash = entry => sha256(Buffer.of(0), entry)
const nodeHash = (left, right) => sha256(Buffer.of(1), left, right)

function unbase64 (text, kind = 'base64') {
  const raw = Buffer.from(text, kind)
  if (raw.toString(kind) !== text) refuse('not base64 in its one form')
  return raw
}

function text (raw) {
  const found = raw.toString('utf8')
  if (!Buffer.from(found, 'utf8').equals(raw)) refuse('not UTF-8')
  return found
}

// --- keys -------------------------------------------------------------------------------------------------
const ed25519 = raw => crypto.createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' })

export function recordKey (jwk) {
  const kid = sha256(Buffer.from(`{"crv":"Ed25519","kty":"OKP","x":"${jwk.x}"}`)).toString('base64url')
  return { kid, key: ed25519(unbase64(jwk.x, 'base64url')) }
}

export function ledgerKey (line) {
  const [name, id, encoded] = line.trim().split('+', 2).concat(line.trim().split('+').slice(2).join('+'))
  const raw = unbase64(encoded)
  if (raw.length !== 33 || raw[0] !== 1) refuse('not a key of a ledger')
  const keyId = sha256(Buffer.from(`${name}\n`), raw).subarray(0, 4)
  if (keyId.toString('hex') !== id) refuse('the id of the key is not that of the key')
  return { name, keyId, key: ed25519(raw.subarray(1)) }
}

// --- signed notes and checkpoints (C2SP) ------------------------------------------------------------------
export function openNote (raw, key) {
  const whole = text(raw)
  const cut = whole.lastIndexOf('\n\n')
  if (cut < 0 || !whole.endsWith('\n')) refuse('not a signed note')
  const said = whole.slice(0, cut + 1)
  let known = 0
  for (const line of whole.slice(cut + 2, -1).split('\n')) {
    const match = /^— ([^\s+]+) (\S+)$/.exec(line) ?? refuse('a signature of the note is damaged')
    const body = unbase64(match[2])
    if (match[1] !== key.name || !body.subarray(0, 4).equals(key.keyId)) continue
    if (!crypto.verify(null, Buffer.from(said), key.key, body.subarray(4))) refuse('the signature does not fit: the text was altered')
    known += 1
  }
  if (known !== 1) refuse('not signed with the key that you trust')
  return said
}

function checkpoint (raw, key) {
  const lines = openNote(raw, key).split('\n')
  if (lines.length !== 4 || !/^(0|[1-9][0-9]{0,14})$/.test(lines[1])) refuse('not a checkpoint of a ledger')
  const root = unbase64(lines[2])
  if (lines[0] !== key.name || root.length !== 32) refuse('the checkpoint is of another ledger than its key')
  return { size: Number(lines[1]), root }
}

// --- the tree (RFC 6962) ----------------------------------------------------------------------------------
function included (leaf, index, size, hashes, root) {
  if (!(index >= 0 && index < size)) refuse('the proof is of a leaf that the tree does not have')
  let at = index; let last = size - 1; let found = leaf
  for (const one of hashes) {
    if (last === 0) refuse('the proof of inclusion is too long')
    if (at % 2 === 1 || at === last) {
      found = nodeHash(one, found)
      while (at % 2 === 0 && at !== 0) { at = Math.floor(at / 2); last = Math.floor(last / 2) }
    } else found = nodeHash(found, one)
    at = Math.floor(at / 2); last = Math.floor(last / 2)
  }
  if (last !== 0) refuse('the proof of inclusion is too short')
  if (!found.equals(root)) refuse('not in the ledger: the proof does not lead to the root of the checkpoint')
}

// The perfect subtrees from left to right; folded, they are the root of the leaves so far.
function grow (peaks, leaf) {
  let height = 0
  while (peaks.length && peaks.at(-1).height === height) { leaf = nodeHash(peaks.pop().hash, leaf); height += 1 }
  peaks.push({ height, hash: leaf })
}
const fold = peaks => peaks.length ? peaks.map(one => one.hash).reduceRight((over, one) => nodeHash(one, over)) : sha256()

// --- documents --------------------------------------------------------------------------------------------
const canonical = value => Array.isArray(value)
  ? `[${value.map(canonical).join(',')}]`
  : value !== null && typeof value === 'object'
    ? `{${Object.keys(value).sort().map(key => `${JSON.stringify(key)}:${canonical(value[key])}`).join(',')}}`
    : JSON.stringify(value)

function json (raw) {
  try { return JSON.parse(text(raw)) } catch (error) { return refuse('not JSON') }
}

function document (raw, keys) {
  if (raw[0] === 0x7b) {
    const said = json(raw)
    if (canonical(said) !== text(raw)) refuse('a statement is not in canonical form (RFC 8785)')
    if (said.v !== 1 || !['dsr-received', 'dsr-answered'].includes(said.kind)) refuse('not a statement of this version')
    return said
  }
  const said = signed(text(raw), 'dsr-completion+jws', keys)
  if (said.v !== 1 || said.kind !== 'dsr-completion') refuse('not a completion record of this version')
  return said
}

function pinnedPayload (parts, typ, keys) {
  const header = json(unbase64(parts[0], 'base64url'))
  if (!['Ed25519', 'EdDSA'].includes(header.alg) || header.typ !== typ || Object.keys(header).length !== 3) refuse('not signed in the expected way')
  const pinned = keys.find(one => one.kid === header.kid) ?? refuse('signed with another key than the one you trust')
  if (!crypto.verify(null, Buffer.from(`${parts[0]}.${parts[1]}`), pinned.key, unbase64(parts[2], 'base64url'))) refuse('the signature does not fit: the record was altered')
  return unbase64(parts[1], 'base64url')
}

function signed (jws, typ, keys) {
  const parts = jws.split('.')
  if (parts.length !== 3) refuse('not a compact JWS')
  const payload = pinnedPayload(parts, typ, keys)
  const said = json(payload)
  if (canonical(said) !== text(payload)) refuse('the record is not in canonical form (RFC 8785)')
  return said
}

// --- some lines of a record, the others hidden --------------------------------------------------------------
const only = (value, names, optional = []) => {
  const found = value !== null && typeof value === 'object' && !Array.isArray(value) ? Object.keys(value) : []
  if (names.some(one => !found.includes(one)) || found.some(one => !names.includes(one) && !optional.includes(one))) refuse('not a disclosure of this version')
  return value
}

function named (place, line) {
  const [where, number] = place.split('/')
  if (where === 'systems') return `systems/${line?.system}/${line?.record_set?.name}`
  if (where === 'by_hand') return `by_hand/${number}/${line?.name}`
  if (where === 'recipients') return `recipients/${number}/${line?.recipient}`
  if (where === 'owed' || where === 'held_back') return `${where}/${number}`
  if (['plan_sha256', 'scope', 'sources'].includes(place)) return place
  return where === 'not_searched' && typeof line === 'string' ? place : refuse('not a disclosure of this version')
}

/** Check a disclosure; gives what was proved, throws at the first doubt. proof: of its record in the ledger, or null. */
export function verifyLines (raw, keys, ledger, proof = null) {
  const file = raw.at(-1) === 10 ? raw.subarray(0, -1) : raw
  const said = only(json(file), ['v', 'kind', 'outline', 'lines'])
  if (canonical(said) !== text(file)) refuse('the disclosure is not in canonical form (RFC 8785)')
  if (said.v !== 1 || said.kind !== 'dsr-disclosure' || typeof said.outline !== 'string' || !said.lines?.length) refuse('not a disclosure of this version')
  const outline = only(signed(said.outline, 'dsr-outline+jws', keys), ['v', 'kind', 'record_id', 'record_sha256', 'head', 'lines'], ['made_at'])
  if (outline.v !== 1 || outline.kind !== 'dsr-outline' || !/^[0-9a-f]{64}$/.test(outline.record_sha256)) refuse('not a disclosure of this version')
  const { head } = outline
  if (head.kind !== 'dsr-completion' || head.v !== 1 || head.record_id !== outline.record_id || `${head.request_id}.${head.number}` !== head.record_id) refuse('the outline is of another record')
  if (['systems', 'not_searched', 'by_hand', 'recipients', 'owed', 'held_back', 'plan_sha256', 'scope', 'sources', 'salt'].some(one => one in head)) refuse('the outline holds lines')
  if (outline.lines.some((one, at) => at > 0 && !(outline.lines[at - 1] < one))) refuse('the digests of the outline are not in order')
  const places = new Set()
  for (const one of said.lines) {
    only(one, ['place', 'salt', 'line'])
    const salt = unbase64(one.salt, 'base64url')
    if (salt.length !== 32 || named(one.place, one.line) !== one.place) refuse('not a disclosure of this version')
    const digest = sha256(Buffer.from('expunge/line/v1\n'), salt, Buffer.from(canonical({ place: one.place, line: one.line }))).toString('base64url')
    if (!outline.lines.includes(digest)) refuse("a line that is shown is not one of the record's")
    places.add(one.place)
  }
  if (places.size !== said.lines.length) refuse('a line is shown twice')
  if (proof) {
    const { index, hashes, held } = opened(proof, ledger)
    included(leafHash(Buffer.from(outline.record_sha256, 'hex')), index, held.size, hashes, held.root)
  }
  const receipts = new Map([[head.request_id, head.receipt_sha256 ?? null]])
  return { record: outline.record_id, lines: said.lines.length, hidden: outline.lines.length - said.lines.length, receipts }
}

// --- receipts (ADR 43) ------------------------------------------------------------------------------------
const SYMBOLS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** The commitment that a receipt opens, as hex; throws if it is none, or mistyped. */
export function commitment (receipt) {
  const symbols = receipt.toUpperCase().replace(/[-\s\u2010-\u2014\u2212]/g, '').replace(/[IL]/g, '1').replace(/O/g, '0')
  const values = [...symbols].map(one => SYMBOLS.indexOf(one))
  if (values.length !== 25 || values.includes(-1)) refuse('not a receipt: 25 letters and digits')
  const check = values.pop()
  if (values.reduce((left, one) => (left * 32 + one) % 37, 0) !== check) refuse('the receipt is mistyped: its last character does not fit')
  return sha256(Buffer.from(`expunge-receipt-v1\0${symbols}`)).toString('hex')
}

// All documents of a request have one commitment.
function note (receipts, said) {
  if (said.kind === 'dsr-answered') return
  const found = said.receipt_sha256 ?? null
  if (receipts.has(said.request_id) && receipts.get(said.request_id) !== found) refuse(`the documents of request ${said.request_id} are opened by different receipts`)
  receipts.set(said.request_id, found)
}

/** Which requests receipts open; throws if one opens none. receipts: Map of request id -> commitment or null. */
export function claimed (shown, receipts) {
  return shown.map(one => {
    const found = [...receipts].filter(([, held]) => held === commitment(one)).map(([name]) => name)
    return found.length ? found : refuse('a receipt opens nothing that is here')
  }).flat()
}

// --- copies (ADR 51): a folder, since this has no reader of packed zips -------------------------------------
/** Check the files of a copy that was handed out; gives what was proved. files: Map of name -> Buffer. */
export function verifyCopy (files, keys) {
  const [description, jws] = ['datapackage.json', 'manifest.jws'].map(one => files.get(one) ?? refuse(`there is no ${one}`))
  const parts = text(jws).trim().split('.')
  if (parts.length !== 3 || parts[1]) refuse('manifest.jws is not a detached JWS')
  pinnedPayload([parts[0], description.toString('base64url'), parts[2]], 'dsr-copy+jws', keys)
  const said = json(description)
  const named = new Map([...said.resources.filter(one => one.hash), ...said.files].map(one => [one.path, one]))
  if (named.size !== files.size - 2) refuse('the files are not those that were handed out')
  for (const [name, one] of named) {
    const raw = files.get(name) ?? refuse(`${name} is missing from the copy`)
    if (raw.length !== one.bytes || one.hash !== `sha256:${sha256(raw).toString('hex')}`) refuse(`${name} was altered: it is not what was handed out`)
  }
  return { request: said.id ?? '', files: named.size }
}

function * documents (raw) {
  let last = -1
  for (let from = 0; from < raw.length;) {
    const end = raw.indexOf(10, from)
    const space = raw.indexOf(32, from)
    if (end < 0 || space < 0 || space > end) refuse('the documents are not one a line')
    const number = raw.subarray(from, space).toString('latin1')
    if (!/^(0|[1-9][0-9]{0,14})$/.test(number) || Number(number) <= last) refuse('the documents are not in the order of their numbers')
    last = Number(number)
    yield [last, raw.subarray(space + 1, end)]
    from = end + 1
  }
}

// --- bundles ----------------------------------------------------------------------------------------------
function zip (files) {
  const local = []; const central = []; let offset = 0
  const fields = (...pairs) => Buffer.concat(pairs.map(([size, value]) => { const one = Buffer.alloc(size); one.writeUIntLE(value, 0, size); return one }))
  for (const name of [...files.keys()].sort()) {
    const raw = files.get(name); const title = Buffer.from(name)
    const common = fields([2, 20], [2, 0], [2, 0], [2, 0], [2, 33], [4, zlib.crc32(raw)], [4, raw.length], [4, raw.length], [2, title.length], [2, 0])
    local.push(Buffer.from('PK\x03\x04'), common, title, raw)
    central.push(Buffer.from('PK\x01\x02'), fields([2, 0x0314]), common, fields([2, 0], [2, 0], [2, 0], [4, 0o100644 * 65536], [4, offset]), title)
    offset += 30 + title.length + raw.length
  }
  const directory = Buffer.concat(central)
  const end = fields([2, 0], [2, 0], [2, files.size], [2, files.size], [4, directory.length], [4, offset], [2, 0])
  return Buffer.concat([...local, directory, Buffer.from('PK\x05\x06'), end])
}

export function unzip (raw) {
  const files = new Map(); let at = 0
  while (at + 30 <= raw.length && raw.readUInt32LE(at) === 0x04034b50) {
    const size = raw.readUInt32LE(at + 18); const title = raw.readUInt16LE(at + 26)
    const name = raw.subarray(at + 30, at + 30 + title).toString('latin1')
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*(\/[A-Za-z0-9][A-Za-z0-9_.-]*)?$/.test(name) || files.has(name)) refuse('the zip holds a file with a name that leads elsewhere')
    files.set(name, raw.subarray(at + 30 + title, at + 30 + title + size))
    at += 30 + title + size
  }
  if (!files.size || !zip(files).equals(raw)) refuse('the zip was altered: it is not written in its one form')
  return files
}

function manifest (files, key) {
  const lines = openNote(files.get('MANIFEST') ?? refuse('there is no MANIFEST'), key).split('\n')
  const [head, kind] = lines.splice(0, 2)
  if (head !== 'expunge/bundle/v1' || !['whole ledger', 'some leaves'].includes(kind) || lines.pop() !== '') refuse('the manifest is not one of this version')
  const named = new Map(lines.map(line => [line.slice(66), line.slice(0, 64)]))
  if (named.size !== lines.length || named.size !== files.size - 1) refuse('the files are not those that the manifest names')
  for (const [name, digest] of named) {
    if (!files.has(name)) refuse('the files are not those that the manifest names')
    if (sha256(files.get(name)).toString('hex') !== digest) refuse(`${name} was altered: it is not what the manifest says`)
  }
  for (const [name, raw] of files) if (name.startsWith('plans/') && name !== `plans/${sha256(raw).toString('hex')}.json`) refuse(`${name} is not the plan that its name says`)
  return kind
}

/** Check a bundle; gives what was proved, throws at the first doubt. files: Map of name -> Buffer. */
export function verify (files, keys, ledger, earlier = null) {
  const kind = manifest(files, ledger)
  const newest = checkpoint(files.get('checkpoint') ?? refuse('there is no checkpoint'), ledger)
  const receipts = new Map()
  const count = kind === 'whole ledger' ? whole(files, keys, ledger, newest, earlier, receipts) : some(files, keys, ledger, newest, receipts)
  return { kind, size: newest.size, documents: count, receipts }
}

function opened (proof, ledger) {
  const cut = proof.indexOf('\n\n')
  const [head, index, ...hashes] = text(proof.subarray(0, cut)).split('\n')
  const number = /^index (0|[1-9][0-9]{0,14})$/.exec(index)
  if (cut < 0 || head !== 'c2sp.org/tlog-proof@v1' || !number) refuse('not a proof of this leaf')
  return { index: Number(number[1]), hashes: hashes.map(one => unbase64(one)), held: checkpoint(proof.subarray(cut + 2), ledger) }
}

function some (files, keys, ledger, newest, receipts) {
  let count = 0
  for (const [number, raw] of documents(files.get('documents') ?? refuse('there are no documents'))) {
    const proof = files.get(`proofs/${number}.tlog-proof`) ?? refuse(`the proof of leaf ${number} is missing`)
    const { index, hashes, held } = opened(proof, ledger)
    if (index !== number) refuse('not a proof of this leaf')
    if (held.size !== newest.size || !held.root.equals(newest.root)) refuse(`the proof of leaf ${number} is of another checkpoint`)
    included(leafHash(sha256(raw)), number, held.size, hashes, held.root)
    note(receipts, document(raw, keys))
    count += 1
  }
  if ([...files.keys()].filter(one => one.startsWith('proofs/')).length !== count) refuse('a proof has no document')
  return count
}

function whole (files, keys, ledger, newest, earlier, receipts) {
  const entries = files.get('entries') ?? refuse('there are no entries')
  if (entries.length !== newest.size * 32) refuse('the ledger does not have as many leaves as its checkpoint says')
  const marks = [[newest, 'the newest checkpoint']]
  for (const [name, raw] of files) if (name.startsWith('checkpoints/')) marks.push([checkpoint(raw, ledger), name])
  if (earlier) marks.push([checkpoint(earlier, ledger), 'the checkpoint that you kept'])
  marks.sort((one, two) => one[0].size - two[0].size)
  const peaks = []; let size = 0
  for (const [mark, name] of marks) {
    if (mark.size > newest.size) refuse(`the ledger was cut: ${name} says ${mark.size} leaves, ${newest.size} are here`)
    for (; size < mark.size; size++) grow(peaks, leafHash(entries.subarray(size * 32, size * 32 + 32)))
    if (!fold(peaks).equals(mark.root)) refuse(`the ledger was forked: ${name} is not what these leaves lead to`)
  }
  let count = 0
  const given = new Set()
  for (const [number, raw] of documents(files.get('documents') ?? refuse('there are no documents'))) {
    if (!sha256(raw).equals(entries.subarray(number * 32, number * 32 + 32))) refuse(`the document of leaf ${number} is not the one that was logged`)
    note(receipts, document(raw, keys))
    given.add(number)
    count += 1
  }
  accounted(files.get('retired') ?? Buffer.alloc(0), given, newest.size)
  return count
}

// every leaf has its document, or the issuer says on which day its retention ended
function accounted (raw, given, size) {
  for (const [number, day] of documents(raw)) {
    if (given.has(number) || number >= size || !/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text(day))) refuse(`what is said of leaf ${number}, that it was deleted, does not fit`)
    given.add(number)
  }
  for (let number = 0; number < size; number++) if (!given.has(number)) refuse(`the document of leaf ${number} is missing, and nobody says that its retention has ended`)
}

export function load (source) {
  if (!fs.statSync(source).isDirectory()) return unzip(fs.readFileSync(source))
  const names = fs.readdirSync(source, { recursive: true }).filter(one => fs.statSync(path.join(source, one)).isFile())
  return new Map(names.map(one => [one.split(path.sep).join('/'), fs.readFileSync(path.join(source, one))]))
}

const isLines = source => !fs.statSync(source).isDirectory() && fs.readFileSync(source)[0] === 0x7b

function main (given) {
  try {
    const at = given.indexOf('--receipt')
    if (at >= 0 && given[at + 1] !== '-') refuse('a receipt never stands on the command line: --receipt - reads it from stdin')
    const shown = at < 0 ? [] : fs.readFileSync(0, 'utf8').split('\n').filter(line => line.trim())
    if (at >= 0 && !shown.length) refuse('no receipt is given')
    const [source, record, ledger, earlier] = at < 0 ? given : given.filter((_, place) => place !== at && place !== at + 1)
    const keys = [recordKey(JSON.parse(fs.readFileSync(record, 'utf8')))]
    const found = (isLines(source) ? lines : ledger ? bundle : fs.statSync(source).isDirectory() ? copy : alone)(source, keys, ledger, earlier)
    const names = claimed(shown, found.receipts)
    console.log(`verified: ${found.said}`)
    for (const name of names) console.log(`the receipt opens request ${name}`)
  } catch (error) {
    if (!(error instanceof Doubt)) throw error
    console.error(`refused: ${error.message}`)
    process.exitCode = 4
  }
}

const ledgerOf = key => ledgerKey(fs.existsSync(key) ? fs.readFileSync(key, 'utf8').split('\n')[0] : key)

function lines (source, keys, ledger, proof) {
  const found = verifyLines(fs.readFileSync(source), keys, ledgerOf(ledger), proof ? fs.readFileSync(proof) : null)
  return { said: `${found.lines} lines of record ${found.record}, ${found.hidden} are hidden`, receipts: found.receipts }
}

function bundle (source, keys, ledger, earlier) {
  const found = verify(load(source), keys, ledgerOf(ledger), earlier ? fs.readFileSync(earlier) : null)
  return { said: `${found.kind} of ${found.size} leaves, ${found.documents} documents`, receipts: found.receipts }
}

function copy (source, keys) {
  const found = verifyCopy(load(source), keys)
  return { said: `copy of request ${found.request}, ${found.files} files`, receipts: new Map() }
}

function alone (source, keys) {
  const said = document(Buffer.from(fs.readFileSync(source, 'utf8').trim()), keys)
  if (said.kind !== 'dsr-completion') refuse('not a record')
  return { said: `record ${said.record_id}`, receipts: new Map([[said.request_id, said.receipt_sha256 ?? null]]) }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) main(process.argv.slice(2))
