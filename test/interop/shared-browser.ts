/** A browser that goes back and forth between two sites on one domain: one cookie for both. */

/** What a page gives: each page of both sites takes and gives JSON. */
export type Page = Readonly<Record<string, unknown>>

export class SharedBrowser {
  /** As the browser sends it. Undefined: there is none, or it was removed. */
  cookie: string | undefined
  /** Whether it stays when the browser is closed. */
  persistent = false

  /** @throws When the site does not answer with 200. */
  async visit(origin: string, page: string, asked: unknown = null): Promise<Page> {
    const response = await fetch(`${origin}/${page}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(this.cookie !== undefined && { cookie: this.cookie }),
      },
      body: JSON.stringify(asked),
    })
    const body = await response.text()
    if (response.status !== 200) throw new Error(`/${page} gave ${response.status}: ${body}`)
    for (const line of response.headers.getSetCookie()) this.#keep(line)
    return JSON.parse(body) as Page
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split('; ')
    const expires = attributes.find((one) => /^Expires=/i.test(one))?.slice('Expires='.length)
    const ended = expires !== undefined && Date.parse(expires) <= Date.now()
    this.cookie = ended || attributes.includes('Max-Age=0') ? undefined : pair
    this.persistent = this.cookie !== undefined && expires !== undefined
  }
}
