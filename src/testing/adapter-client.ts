/**
 * A small browser for the adapter suite: one connection for each request, a cookie jar, and no automatic redirects.
 *
 * @module
 */

import { type IncomingMessage, request as send } from 'node:http'

/** One response. */
export interface ClientResponse {
  readonly status: number
  /** The values of the `Set-Cookie` headers. */
  readonly cookies: readonly string[]
  /** The members of `Vary`, in lower case. */
  readonly vary: readonly string[]
  readonly text: string
  /** Returns the value of a header, several ones joined by `, `; an empty string when it is absent. */
  header(name: string): string
}

export interface ClientRequest {
  /** @default 'GET' */
  readonly method?: string
  /** Sent after the server's `100 Continue`, so that its handler is already waiting for it. */
  readonly body?: string
  /** Called when the response headers have arrived, before the body is read. */
  readonly onHeaders?: () => void
  /** Ends the connection. */
  readonly signal?: AbortSignal
}

/** One visitor with a browser of their own. */
export class Client {
  readonly #origin: string
  /** Cookies by name. `Secure` cookies are kept over plain http too. */
  readonly jar: Map<string, string> = new Map()

  constructor(origin: string) {
    this.#origin = origin
  }

  /** Sends a request with the cookies of the jar, and keeps those of the response. Rejects when the connection breaks. */
  async ask(path: string, call: ClientRequest = {}): Promise<ClientResponse> {
    const response = await this.#send(path, call)
    call.onHeaders?.()
    response.setEncoding('utf8')
    let text = ''
    for await (const chunk of response) text += String(chunk)
    const cookies = response.headers['set-cookie'] ?? []
    for (const line of cookies) this.#keep(line)
    const header = (name: string): string => String(response.headers[name] ?? '')
    const vary = header('vary').toLowerCase().split(',')
    return {
      status: response.statusCode ?? 0,
      cookies,
      vary: vary.map((member) => member.trim()).filter((member) => member !== ''),
      text,
      header,
    }
  }

  #send(path: string, { method = 'GET', body, signal }: ClientRequest): Promise<IncomingMessage> {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ')
    return new Promise((resolve, reject) => {
      const request = send(new URL(path, this.#origin), {
        agent: false,
        method,
        headers: {
          ...(cookie !== '' && { cookie }),
          ...(body !== undefined && {
            expect: '100-continue',
            'content-type': 'text/plain',
            'content-length': Buffer.byteLength(body),
          }),
        },
        ...(signal && { signal }),
      })
      request.once('response', resolve)
      request.once('error', reject)
      if (body === undefined) request.end()
      else request.once('continue', () => request.end(body))
      if (body !== undefined) request.flushHeaders()
    })
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split('; ')
    const at = pair.indexOf('=')
    const name = pair.slice(0, at)
    if (attributes.includes('Max-Age=0')) this.jar.delete(name)
    else this.jar.set(name, pair.slice(at + 1))
  }
}
