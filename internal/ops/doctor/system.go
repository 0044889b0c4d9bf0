package doctor

// kind is the kind of a file system.
type kind int

const (
	kindDisk kind = iota
	kindNetwork
	kindMemory
	kindLayer // of a container image
	kindUser  // provided by a program
)

// disk describes a file system. Sizes are in bytes.
type disk struct {
	kind               kind
	name               string
	free, size         int64
	inodes, inodesFree int64 // inodes is 0 where they are created as needed
	readOnly           bool
}
