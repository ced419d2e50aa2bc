/** How a bench runs. */
export interface Options {
  /** Fewer cases and rounds. */
  readonly quick: boolean
  /** Only what has one of these words in its name. Empty: everything. */
  readonly only: readonly string[]
  /** Other builds to measure in the same run: the folder of each, by the name of its commit. */
  readonly against: ReadonlyMap<string, string>
  /** Starts and checks everything, and times nothing: for CI. */
  readonly check: boolean
}

/** Whether `only` asks for a name. */
export function isAsked({ only }: Pick<Options, 'only'>, name: string): boolean {
  return only.length === 0 || only.some((word) => name.includes(word))
}
