/**
 * Which headers go with a response that is dropped, where the framework puts the others on the error page.
 *
 * @module
 */

const DROPPED =
  /^(?:location|set-cookie|cache-control|expires|etag|last-modified|content-(?:type|length|encoding|language|location|range|disposition))$/

/** Whether a header, in lower case, describes that response, and not the one that takes its place. */
export function isDropped(name: string): boolean {
  return DROPPED.test(name)
}
