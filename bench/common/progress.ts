import process from 'node:process'

/** One line on stderr about what is being measured and how far it is; without a terminal one line every 10 s. */
export class Progress {
  readonly #total: number
  readonly #startedAt = Date.now()
  #done = 0
  #shownAt = 0

  constructor(total: number) {
    this.#total = total
  }

  step(what: string): void {
    this.#done += 1
    const now = Date.now()
    const live = process.stderr.isTTY
    if (!live && now - this.#shownAt < 10_000) return
    this.#shownAt = now
    const passed = now - this.#startedAt
    const left = Math.round((passed / this.#done) * (this.#total - this.#done + 1)) / 1000
    const text = `  ${this.#done}/${this.#total} ${what}, about ${Math.ceil(left)} s left`
    process.stderr.write(live ? `\r\u001b[2K${text.slice(0, 110)}` : `${text}\n`)
  }

  end(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[2K')
  }
}
