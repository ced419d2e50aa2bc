/** Requests that were answered with an error: how many, and one reason. */

export interface Failures {
  readonly count: number
  /** The first one; absent: there is none. */
  readonly reason?: string
}

export class FailureCount {
  #count = 0
  #reason: string | undefined

  /** Counts a request that throws, or is answered with neither `204` nor `401`. */
  async watch(request: () => Promise<{ readonly status: number; readonly body: string }>) {
    try {
      const { status, body } = await request()
      if (status === 204 || status === 401) return status
      this.#add(`${status}: ${body}`)
    } catch (error) {
      this.#add(String(error))
    }
    return undefined
  }

  get total(): Failures {
    return { count: this.#count, ...(this.#reason !== undefined && { reason: this.#reason }) }
  }

  #add(reason: string): void {
    this.#count += 1
    this.#reason ??= reason
  }
}
