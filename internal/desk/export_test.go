package desk

// Spill empties the cache of sheets, as a lack of memory does.
func (d *Desk) Spill() { d.sheets.cache.spill(1 << 60) }
