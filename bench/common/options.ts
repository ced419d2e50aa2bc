/** How a bench is to run. */
export interface Options {
  /** Fewer cases and rounds: for daily use. */
  readonly quick: boolean
  /** Only what has one of these words in its name. Empty: everything. */
  readonly only: readonly string[]
  /** Builds to measure beside the current one, by the name of their commit: folders for `VIAL_DIST`. */
  readonly against: ReadonlyMap<string, string>
  /** Starts and checks everything, and measures next to nothing: for CI. */
  readonly check: boolean
}

/** Whether a name is asked for. */
export function isAsked({ only }: Pick<Options, 'only'>, name: string): boolean {
  return only.length === 0 || only.some((word) => name.includes(word))
}
