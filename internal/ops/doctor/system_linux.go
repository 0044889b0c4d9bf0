package doctor

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// kinds of file systems by the number that statfs gives them (statfs(2)).
var kinds = map[int64]disk{
	unix.NFS_SUPER_MAGIC:       {kind: kindNetwork, name: "NFS"},
	unix.SMB_SUPER_MAGIC:       {kind: kindNetwork, name: "SMB"},
	unix.CIFS_SUPER_MAGIC:      {kind: kindNetwork, name: "CIFS"},
	unix.SMB2_SUPER_MAGIC:      {kind: kindNetwork, name: "SMB2"},
	unix.AFS_SUPER_MAGIC:       {kind: kindNetwork, name: "AFS"},
	unix.CODA_SUPER_MAGIC:      {kind: kindNetwork, name: "Coda"},
	unix.CEPH_SUPER_MAGIC:      {kind: kindNetwork, name: "Ceph"},
	unix.OCFS2_SUPER_MAGIC:     {kind: kindNetwork, name: "OCFS2"},
	unix.V9FS_MAGIC:            {kind: kindNetwork, name: "9P"},
	0x0bd00bd0:                 {kind: kindNetwork, name: "Lustre"},
	0x01161970:                 {kind: kindNetwork, name: "GFS2"},
	0x47504653:                 {kind: kindNetwork, name: "GPFS"},
	unix.TMPFS_MAGIC:           {kind: kindMemory, name: "tmpfs"},
	unix.RAMFS_MAGIC:           {kind: kindMemory, name: "ramfs"},
	unix.OVERLAYFS_SUPER_MAGIC: {kind: kindLayer, name: "overlay"},
	unix.FUSE_SUPER_MAGIC:      {kind: kindUser, name: "FUSE"},
	unix.EXT4_SUPER_MAGIC:      {name: "ext4"},
	unix.XFS_SUPER_MAGIC:       {name: "XFS"},
	unix.BTRFS_SUPER_MAGIC:     {name: "Btrfs"},
	unix.F2FS_SUPER_MAGIC:      {name: "F2FS"},
	0x2fc12fc1:                 {name: "ZFS"},
	0xca451a4e:                 {name: "bcachefs"},
}

func statDisk(dir string) (*disk, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return nil, err
	}
	d, ok := kinds[int64(uint32(st.Type))]
	if !ok {
		d.name = fmt.Sprintf("a file system of kind %#x", uint32(st.Type))
	}
	unit := st.Frsize // of blocks; Bsize is the best size to read at once
	if unit == 0 {
		unit = st.Bsize
	}
	d.free, d.size = int64(st.Bavail)*unit, int64(st.Blocks)*unit
	d.inodes, d.inodesFree = int64(st.Files), int64(st.Ffree)
	d.readOnly = st.Flags&unix.ST_RDONLY != 0
	return &d, nil
}

// owner returns the owner of a file.
func owner(info fs.FileInfo) (uid int, name string, known bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, "", false
	}
	return int(st.Uid), userName(int(st.Uid)), true
}

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return fmt.Sprintf("the user with ID %d", uid)
}

// sameProgram compares the program of a process with this one.
func sameProgram(pid int) (same, replaced, known bool) {
	link := fmt.Sprintf("/proc/%d/exe", pid)
	name, err := os.Readlink(link)
	if err != nil {
		return false, false, false
	}
	theirs, err1 := os.Stat(link)
	ours, err2 := os.Stat("/proc/self/exe")
	if err1 != nil || err2 != nil {
		return false, false, false
	}
	return os.SameFile(theirs, ours), strings.HasSuffix(name, " (deleted)"), true
}

// MemoryLimit returns the smallest of the memory limits of the machine and of the
// process's control groups, in bytes. Other processes may share it.
func MemoryLimit(pid int) (limit int64, by string) {
	limit, by = memTotal(), "the machine"
	line, err := os.ReadFile(fmt.Sprintf("/proc/%s/cgroup", self(pid)))
	if err != nil {
		return limit, by
	}
	for l := range strings.Lines(string(line)) {
		id, rest, _ := strings.Cut(strings.TrimSpace(l), ":")
		controllers, group, _ := strings.Cut(rest, ":")
		root, file := "/sys/fs/cgroup", "memory.max"
		if controllers == "memory" {
			root, file = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
		} else if id != "0" {
			continue
		}
		for g := path.Clean("/" + group); ; g = path.Dir(g) {
			if b, err := os.ReadFile(path.Join(root, g, file)); err == nil {
				if n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil && n < limit {
					limit, by = n, "the control group "+g
				}
			}
			if g == "/" {
				break
			}
		}
	}
	return limit, by
}

func self(pid int) string {
	if pid == 0 {
		return "self"
	}
	return strconv.Itoa(pid)
}

func memTotal() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 1 << 62
	}
	return int64(info.Totalram) * int64(info.Unit)
}

// fileLimit returns the number of files and connections that a process may have open. Go
// raises its own limit to the hard one.
func fileLimit(pid int) int64 {
	f, err := os.Open(fmt.Sprintf("/proc/%s/limits", self(pid)))
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "Max open files"); ok {
			if fields := strings.Fields(rest); len(fields) > 1 {
				n, _ := strconv.ParseInt(fields[1], 10, 64)
				return n
			}
		}
	}
	return 0
}
