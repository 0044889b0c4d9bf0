package doctor

// kind is what matters of a file system.
type kind int

const (
	kindDisk kind = iota
	kindNetwork
	kindMemory
	kindLayer // of a container
	kindUser  // provided by a program
)

// disk is what is known of a file system. Sizes are in bytes.
type disk struct {
	kind               kind
	name               string
	free, size         int64
	inodes, inodesFree int64 // inodes is 0 where they are made as needed
	readOnly           bool
}
