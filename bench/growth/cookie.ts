/** The `Cookie` header that a browser sends after these response headers; empty: they set none. */
export function cookieAfter(headers: readonly (readonly [string, string])[]): string {
  const set = headers.find(([name]) => name.toLowerCase() === 'set-cookie')?.[1] ?? ''
  return set.split(';')[0] ?? ''
}
