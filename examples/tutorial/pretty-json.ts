/**
 * JSON for reading: what is short stays on one line.
 *
 * @module
 */

/** The longest line that is not broken up, in characters. */
const LINE = 46

/** Writes a value that JSON can hold. */
export function prettyJson(value: unknown): string {
  return written(value, '', '')
}

/** Writes `label` and the value; `indent` is that of the line. */
function written(value: unknown, label: string, indent: string): string {
  const line = `${label}${oneLine(value)}`
  const isShort = indent.length + line.length <= LINE
  if (typeof value !== 'object' || value === null || (isShort && indent !== '')) return line
  const inner = `${indent}  `
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  const members = membersOf(value).map(([name, member]) => inner + written(member, name, inner))
  return members.length === 0 ? line : `${label}${open}\n${members.join(',\n')}\n${indent}${close}`
}

function oneLine(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const members = membersOf(value).map(([name, member]) => name + oneLine(member))
  if (Array.isArray(value)) return `[${members.join(', ')}]`
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`
}

/** The members, each with what stands before it. */
function membersOf(value: object): readonly (readonly [label: string, member: unknown])[] {
  if (Array.isArray(value)) return value.map((item: unknown) => ['', item])
  return Object.entries(value).map(([key, member]) => [`${JSON.stringify(key)}: `, member])
}
