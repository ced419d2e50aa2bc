/** What streams wait for: `/go` calls all of these. */
export const waiting: (() => void)[] = []
