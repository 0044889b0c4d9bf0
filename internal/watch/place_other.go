//go:build !linux

package watch

// place renames a file to a name that nothing has. It fails with fs.ErrExist if something has.
func place(from, to string) error { return placeUnguarded(from, to) }
