/** `interop/RESULTS.md`: what came out of the matrix. */

import { existsSync, readFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { formatOf, placeOf, ROWS, type Row } from './rows.ts'
import { type Found, type Pair, SCENARIOS } from './scenarios.ts'
import type { ValueFormat } from './values.ts'

const FILE = fileURLToPath(new URL('../../interop/RESULTS.md', import.meta.url))
const MANIFEST = fileURLToPath(new URL('../../package.json', import.meta.url))
const CLIENTS = ['redis', 'pg', 'mysql2', 'kysely', 'mongodb', '@aws-sdk/client-dynamodb']
const FORMATS: readonly ValueFormat[] = ['tagged-json', 'msgpack', 'json', 'pickle']

/** What came out of one row. */
export interface Result {
  readonly row: Row
  /** Why it was not tried. Absent: it was. */
  readonly missing?: string
  /** What a session's values are when Flask alone has had them. */
  readonly alone?: Pair['alone']
  readonly versions?: Readonly<Record<string, string>>
  /** By the names of the scenarios. */
  readonly found: ReadonlyMap<string, Found>
}

/** The lines of the matrix as Markdown: a header, and a line for each row. */
export function matrixLines(results: readonly Result[]): readonly string[] {
  const titles = ['Flask', 'backend', 'format', ...Object.keys(SCENARIOS)]
  return [line(titles), line(titles.map(() => '---')), ...results.map(matrixLine)]
}

/** The line of a row. */
export function matrixLine({ row, missing, alone, found }: Result): string {
  const head = [row.flask, placeOf(row), formatOf(row)]
  if (missing !== undefined) return line([...head, `not run: ${missing}`])
  const count = Object.keys(alone ?? {}).length
  const cells = Object.entries(SCENARIOS).map(([name, scenario]) => {
    const came = found.get(name)
    if (came === undefined) return 'not run'
    if (came.wrong.length > 0) return `${came.wrong.length} differ`
    if (row.backend === 'cookie' && !scenario.inCookie) return 'n/a'
    const numbers = Object.keys(came.numbers ?? {}).length
    return scenario.eachValue ? `${count - numbers} of ${count}` : 'yes'
  })
  return line([...head, ...cells])
}

/** The lines of the file that is committed; none: there is no file. */
export function committedLines(): readonly string[] {
  return existsSync(FILE) ? readFileSync(FILE, 'utf8').split('\n') : []
}

/** The whole file, and where it belongs. */
export function resultsPage(results: readonly Result[]): { file: string; text: string } {
  const text = `# Flask and vial on the same sessions

Written by \`npm run interop:results\` on ${new Date().toISOString().slice(0, 10)}; \`npm run test:interop\` compares
a new run with it. In each row a real Flask application and a vial site share a server or a directory, and one cookie goes
back and forth between them. *There* is Flask, *here* is vial. A number counts the values whose \`repr\` in Python is the
same as when Flask alone has the session.

${matrixLines(results).join('\n')}

- **One changed here**: written there, one key set here, everything read there. **One changed there**: the reverse.
- **Rewritten here**: written there; each value is read here and set again; read there. **Copied here**: set under a new key.
- **Flash**: messages and their categories appear on the other side, once. \`Markup\`, where the format has it, is \`Markup\`
  again there; here each message is a string.
- **Logout**: on either side; a copy of the cookie opens nothing on either. Where the record itself is in the cookie, logout
  removes the cookie, and a copy stays valid.
- **Permanent**: what one side sets, the other reads, and the cookie follows. Flask-Session before 0.6 itself fails on
  sessions in SQL and MongoDB that are not permanent.
- **Record and expiry**: Flask finds the record under the id in the cookie, and the record expires when its writer said, in
  the backend's own terms.

## What is not the same

vial runs with the defaults of its presets, which read whole floats as numbers. So these values differ from Flask alone;
with \`exactFloats: true\`, in the rows with *exact floats*, none does.

| column | what | why |
| --- | --- | --- |
| written there, read here; one changed there | Python's \`1.0\` is read as the number 1. | JavaScript has one type for numbers, and \`price === 9\` and \`price.toFixed(2)\` have to work. |
| copied here | The copy of \`1.0\` is the int \`1\` in Python. | A number is a float again where there was one before, and there was none under a new key. \`float(1)\` of \`vial/serializers/python-values\` is a float everywhere. |

*Read here* is in the notation of \`interop/peers/canonical.py\`, the same on both sides.

${numberLines(results).join('\n')}

With \`exactFloats\` too, one thing is lost: the order of keys such as \`"10"\` and \`"9"\` in a dictionary that is written here. JavaScript puts them
first, in numerical order; the dictionaries are equal.

Flask runs with its defaults, with three exceptions: pymemcache waits for the server (\`default_noreply=False\`), as the next
request may otherwise miss what this one stored; the process that uses DynamoDB has \`TZ=UTC\`, as Flask-Session 0.8 takes
UTC for local time there; \`mypy_boto3_dynamodb\`, a package of types, is an empty module. The servers are those of
\`npm run services\`. Among them, MongoDB is PostgreSQL's extension DocumentDB behind a gateway for MongoDB's protocol, and
DynamoDB is the emulator dynoxide.

## The values

The \`repr\` in Python after Flask has stored and read the value; – where Flask refuses it, or it belongs to another format.

${valueLines(results).join('\n')}

## Versions

${versionLines(results).join('\n')}

The packages that vial was run with: Node ${process.versions.node}, ${clients().join(', ')}.
`
  return { file: FILE, text }
}

function valueLines(results: readonly Result[]): readonly string[] {
  const byFormat = FORMATS.map(
    (format) =>
      results.find(({ row, alone }) => row.values === format && alone !== undefined)?.alone ?? {},
  )
  // Pickle holds almost all of them.
  const names = new Set([...byFormat].reverse().flatMap((alone) => Object.keys(alone)))
  return [
    line(['value', ...FORMATS]),
    line(['---', ...FORMATS.map(() => '---')]),
    ...[...names].map((name) => line([name, ...byFormat.map((alone) => code(alone[name]?.[0]))])),
  ]
}

/** Each value that is an int where Flask alone has a whole float. */
function numberLines(results: readonly Result[]): readonly string[] {
  const lines = FORMATS.flatMap((format) => {
    const result = results.find(({ row, alone }) => row.values === format && alone !== undefined)
    const [read, copied] = ['written there, read here', 'copied here'].map(
      (name) => result?.found.get(name)?.numbers ?? {},
    )
    return Object.keys({ ...read, ...copied }).map((name) =>
      line([format, name, ...[result?.alone?.[name]?.[0], read?.[name], copied?.[name]].map(code)]),
    )
  })
  return [
    line(['format', 'value', 'in Flask alone', 'read here', 'copied here, in Flask']),
    line(Array(5).fill('---')),
    ...lines,
  ]
}

function versionLines(results: readonly Result[]): readonly string[] {
  const named = results.filter(({ row }) => row.note === undefined)
  const generations = ['modern', 'legacy'].map((flask) =>
    Object.assign({}, ...named.filter(({ row }) => row.flask === flask).map((one) => one.versions)),
  ) as Record<string, string>[]
  const names = [...new Set(generations.flatMap((versions) => Object.keys(versions)))]
  return [
    line(['', 'modern', 'legacy']),
    line(['---', '---', '---']),
    ...names.map((name) => line([name, ...generations.map((versions) => versions[name] ?? '–')])),
  ]
}

function clients(): readonly string[] {
  const { devDependencies } = JSON.parse(readFileSync(MANIFEST, 'utf8')) as {
    readonly devDependencies: Readonly<Record<string, string>>
  }
  return CLIENTS.map((name) => `${name} ${devDependencies[name]}`)
}

function code(repr: string | undefined): string {
  if (repr === undefined) return '–'
  const short = repr.length > 40 ? `${repr.slice(0, 39)}…` : repr
  // A bar would end the cell.
  return `\`${short.replaceAll('|', '\\|').replaceAll('`', "'")}\``
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

/** Rows of the file that are no longer in the matrix. */
export function strangers(lines: readonly string[]): readonly string[] {
  const known = ROWS.map((row) => line([row.flask, placeOf(row), formatOf(row)]).slice(0, -1))
  return lines.filter(
    (text) => /^\| (modern|legacy) \|/.test(text) && !known.some((head) => text.startsWith(head)),
  )
}
