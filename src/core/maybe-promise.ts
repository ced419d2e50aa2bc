/**
 * Answers that may be there at once. A store in the memory of this process has them at hand, and a promise that nobody
 * has to wait for costs more than such an answer does.
 *
 * @module
 */

export type MaybePromise<T> = T | Promise<T>

/** Does what comes after an answer: at once when it is there, and else when it comes. */
export function after<T, R>(
  answer: MaybePromise<T>,
  next: (value: T) => MaybePromise<R>,
): MaybePromise<R> {
  return answer instanceof Promise ? answer.then(next) : next(answer)
}
