/**
 * The response headers that a commit asks for, and how they meet what the application set.
 *
 * @module
 */

/** Headers to merge into a response, names in lower case. Merge each with {@link mergeHeader}. */
export type HeaderPatch = readonly (readonly [name: PatchName, value: string])[]
export type PatchName = 'set-cookie' | 'vary' | 'cache-control'

/**
 * The value a header gets: `set-cookie` stands beside the others (append it), `vary` is united with what is there,
 * `cache-control` keeps every directive of the application but those that let a shared cache keep the response.
 *
 * @param existing What the response has for this name; several lines joined by `, `. Absent: none.
 */
export function mergeHeader(
  name: Exclude<PatchName, 'set-cookie'>,
  existing: string | undefined,
  value: string,
): string {
  if (existing === undefined || existing.trim() === '') return value
  return name === 'vary' ? mergeVary(existing, value) : mergeCacheControl(existing, value)
}

function mergeVary(existing: string, value: string): string {
  const members = existing.split(',').map((member) => member.trim().toLowerCase())
  return members.includes('*') || members.includes(value.toLowerCase())
    ? existing
    : `${existing}, ${value}`
}

function mergeCacheControl(existing: string, value: string): string {
  const directives = existing
    .split(',')
    .map((directive) => directive.trim())
    .filter((directive) => directive !== '')
  const names = directives.map((directive) => directive.toLowerCase())
  if (names.includes('no-store') || names.includes('private')) return existing
  const kept = directives.filter((directive) => !/^(?:public$|s-maxage\s*=)/i.test(directive))
  return [...kept, value].join(', ')
}
