package s3

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"tallyman/blob"
	"tallyman/blob/s3/s3test"
	"tallyman/fault"
)

// The server's disk is a file system of a few MiB, in a process of its own that
// nothing else sees. That needs root, or a kernel that lets users have name
// spaces.
func TestAFullServerIsSaidToBeFullAndWorksWhenThereIsRoom(t *testing.T) {
	small := os.Getenv("TALLYMAN_SMALL_DISK")
	if small == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=5m")
		cmd.Env = append(os.Environ(), "TALLYMAN_SMALL_DISK="+t.TempDir())
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		if os.Getuid() != 0 {
			cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
			cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
		}
		out, err := cmd.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatalf("making mounts private: %v", err)
	}
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=6m"); err != nil {
		t.Fatalf("mounting a small disk: %v", err)
	}
	// Not t.TempDir, which would make the server's folder there, too.
	spool, err := os.MkdirTemp("", "tallyman-spool-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(spool)
	t.Setenv("TMPDIR", small)
	server := s3test.Start(t)
	server.Setenv(t)
	b := &bench{t, server, server.Bucket(t)}
	c := b.config()
	c.Spool = spool
	s := b.open(c)

	kept := randomBytes(100_000)
	ref := b.put(s, kept)
	var filling []blob.Key
	for {
		big, err := s.Put(ctx, bytes.NewReader(randomBytes(1<<20)))
		if err == nil {
			filling = append(filling, big.Key)
			if len(filling) > 6 {
				t.Fatal("the disk does not fill up")
			}
			continue
		}
		if fault.CodeOf(err) != blob.StorageFull {
			t.Errorf("on a full disk: %v (%v)", err, errors.Unwrap(err))
		}
		break
	}
	if n := len(b.objects()); n != len(filling)+1 {
		t.Errorf("%d objects, want %d", n, len(filling)+1)
	}
	b.holds(s, ref, kept)
	if err := s.Delete(ctx, filling...); err != nil {
		t.Errorf("deleting on a full disk: %v (%v)", err, errors.Unwrap(err))
	}
	b.holds(s, b.put(s, kept), kept)
	if err := s.Check(ctx); err != nil {
		t.Errorf("%v (%v)", err, errors.Unwrap(err))
	}
}
