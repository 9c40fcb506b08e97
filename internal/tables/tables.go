// Package tables joins tables, of which rows of one key are one row.
package tables

// Merge gives one row per key, over all tables, in the order in which keys are first met. A key's first row is copied, and
// add adds each further one to the copy.
func Merge[Row any, Key comparable](key func(*Row) Key, add func(sum, row *Row), tables ...[]Row) []Row {
	var sums []Row
	place := map[Key]int{} // of a key's row in sums
	for _, table := range tables {
		for i := range table {
			row := &table[i]
			k := key(row)
			if at, ok := place[k]; ok {
				add(&sums[at], row)
				continue
			}
			place[k] = len(sums)
			sums = append(sums, *row)
		}
	}
	return sums
}
