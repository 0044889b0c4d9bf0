//go:build linux

package doctor

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tallyman/client"
	"tallyman/internal/blob"
	"tallyman/internal/blob/files"
	"tallyman/internal/blob/stores"
	"tallyman/internal/intake"
	"tallyman/internal/keys"
	"tallyman/internal/session"
	"tallyman/internal/session/sqlite"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/service"
)

var ctx = context.Background()

func TestMain(m *testing.M) {
	intake.RunIfWorker()
	os.Exit(m.Run())
}

// config returns the settings of a server with its data in a folder, on a machine
// with enough room.
func config(t *testing.T, dir string) Config {
	return Config{
		Program: "tallyman test", Version: "test", Data: dir, Connections: 16, Replicas: 1, Cache: intake.CacheDir(),
		Workers: 1, Memory: 512 << 20, Upload: 8 << 20, Queue: 4, Clients: 100, Scratch: t.TempDir(),
	}
}

// started starts a service.
func started(t *testing.T, o service.Options) *service.Service {
	t.Helper()
	o.Reader = intake.New(service.Patient)
	t.Cleanup(o.Reader.Close)
	o.Config.Version, o.Config.MaxUpload = "test", 8<<20
	s, err := service.Start(ctx, o)
	must.OK(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// running starts a service over a folder, with one session of two files and their
// readings.
func running(t *testing.T, dir string) *service.Service {
	t.Helper()
	s := started(t, service.Options{Dir: dir})
	bills, orders, _, err := sampleFiles()
	must.OK(t, err)
	c := &client.Client{URL: s.URL, Session: "kept"}
	_, err = c.UploadBills(ctx, false, client.Upload{Name: "b.pdf", Content: bytes.NewReader(bills)})
	must.OK(t, err)
	_, err = c.UploadOrders(ctx, client.Upload{Name: "o.csv", Content: bytes.NewReader(orders)})
	must.OK(t, err)
	return s
}

// installation is an unused data directory with a session.
func installation(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	must.OK(t, running(t, dir).Close())
	return dir
}

// wants fails if a finding is missing.
func wants(t *testing.T, found []Finding, v Verdict, check, text string) {
	t.Helper()
	for _, f := range found {
		if f.Verdict == v && f.Check == check && strings.Contains(f.String(), text) {
			if v != OK && f.Advice == "" && !strings.Contains(f.Found, ";") {
				t.Errorf("%q does not say what to do", f)
			}
			return
		}
	}
	t.Errorf("there is no \"%s %s: …%s…\" in\n%s", v, check, text, all(found))
}

func all(found []Finding) string {
	var b strings.Builder
	for _, f := range found {
		fmt.Fprintln(&b, f)
	}
	return b.String()
}

// well fails if there is a finding that is not OK, except about the machine itself.
func well(t *testing.T, found []Finding) {
	t.Helper()
	for _, f := range found {
		switch f.Check {
		case "disk of the data", "temporary files", "memory", "open files":
			continue
		}
		if f.Verdict != OK {
			t.Errorf("the doctor finds a fault in a sound installation: %s", f)
		}
	}
}

// everything describes a folder as seen from outside, with the bytes in it.
func everything(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir { // a probe is created and removed in it
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintln(&b, path, info.Size(), info.ModTime().UnixNano(), info.Mode())
		return nil
	})
	must.OK(t, err)
	return b.String()
}

func TestAHealthyInstallationPassesUnchanged(t *testing.T) {
	dir := installation(t)
	before := everything(t, dir)
	c := config(t, dir)
	c.Deep = true
	found := Examine(ctx, c, nil)
	well(t, found)
	wants(t, found, OK, "sessions", "1 session; the database is sound")
	wants(t, found, OK, "contents", "4 contents")
	wants(t, found, OK, "contents", "unchanged")
	wants(t, found, OK, "workers", "the expected sheet")
	wants(t, found, OK, "server", "no server uses")
	if after := everything(t, dir); after != before {
		t.Errorf("it was\n%sand is\n%s", before, after)
	}
	if left, err := os.ReadDir(c.Scratch); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}

// contentsOf are the files of an installation's contents.
func contentsOf(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "contents", "??", "*"))
	if err != nil || len(found) != 4 {
		t.Fatalf("%v, %v", found, err)
	}
	return found
}

func TestBrokenInstallationsAreFound(t *testing.T) {
	spoil := func(t *testing.T, path string, at int64, n int) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		must.OK(t, err)
		_, err = f.WriteAt(bytes.Repeat([]byte{0xa5}, n), at)
		must.OK(t, err)
		must.OK(t, f.Close())
	}
	old := time.Now().Add(-30 * time.Hour)
	good := installation(t)
	for name, c := range map[string]struct {
		broken  func(t *testing.T, c *Config)
		verdict Verdict
		check   string
		says    string
	}{
		"no directory":      {func(t *testing.T, c *Config) { c.Data += "-not" }, Fail, "data directory", "there is no directory"},
		"a file":            {func(t *testing.T, c *Config) { c.Data = filepath.Join(c.Data, "sessions.db") }, Fail, "data directory", "is not a directory"},
		"open to all":       {func(t *testing.T, c *Config) { must.OK(t, os.Chmod(c.Data, 0o755)) }, Fail, "data directory", "chmod 700"},
		"open to the group": {func(t *testing.T, c *Config) { must.OK(t, os.Chmod(c.Data, 0o750)) }, Warn, "data directory", "chmod 700"},
		"somebody else's": {func(t *testing.T, c *Config) {
			if os.Chown(c.Data, 65534, 65534) != nil {
				c.Data = "/usr" // another folder that is not ours
			}
		}, Warn, "user", "run it as "},
		"in memory": {func(t *testing.T, c *Config) { c.Data = inMemory(t) }, Fail, "disk of the data", "in memory (tmpfs)"},
		"readable keys": {func(t *testing.T, c *Config) {
			_, err := keys.Open(c.Data).Add(t.Context(), keys.Key{Name: "depot", Admin: true})
			must.OK(t, err)
			must.OK(t, os.Chmod(filepath.Join(c.Data, keys.FileName), 0o644))
		}, Warn, "keys", "chmod 600"},
		"damaged keys": {func(t *testing.T, c *Config) {
			must.OK(t, os.WriteFile(filepath.Join(c.Data, keys.FileName), []byte("{"), 0o600))
		}, Fail, "keys", "are damaged"},
		"an empty directory":            {func(t *testing.T, c *Config) { c.Data = t.TempDir(); must.OK(t, os.Chmod(c.Data, 0o700)) }, Warn, "sessions", "there are none"},
		"a file that is not a database": {func(t *testing.T, c *Config) { spoil(t, filepath.Join(c.Data, "sessions.db"), 0, 100) }, Fail, "sessions", "is damaged"},
		"a database with a bad page":    {func(t *testing.T, c *Config) { spoil(t, filepath.Join(c.Data, "sessions.db"), 4096, 4000) }, Fail, "sessions", "is damaged"},
		"no contents":                   {func(t *testing.T, c *Config) { must.OK(t, os.RemoveAll(filepath.Join(c.Data, "contents"))) }, Fail, "contents", "there is no folder"},
		"a content is missing":          {func(t *testing.T, c *Config) { must.OK(t, os.Remove(contentsOf(t, c.Data)[2])) }, Fail, "contents", "1 of the 4 contents that sessions name are missing"},
		"a content is cut off":          {func(t *testing.T, c *Config) { must.OK(t, os.Truncate(contentsOf(t, c.Data)[1], 5)) }, Fail, "contents", "1 of the 4 contents that sessions name differ from what was stored"},
		"a content has other bytes":     {func(t *testing.T, c *Config) { c.Deep = true; spoil(t, contentsOf(t, c.Data)[0], 3, 2) }, Fail, "contents", "1 of the 4 contents that sessions name differ from what was stored"},
		"a content that nobody sweeps":  {func(t *testing.T, c *Config) { must.OK(t, os.Chtimes(orphan(t, c.Data), old, old)) }, Warn, "contents", "1 older than a day"},
		"a content on its way":          {func(t *testing.T, c *Config) { orphan(t, c.Data) }, OK, "contents", "1 content that no session names"},
		"a file of a server that was killed": {func(t *testing.T, c *Config) {
			left := filepath.Join(c.Data, ".keys.json.123.part")
			must.OK(t, os.WriteFile(left, nil, 0o600))
			must.OK(t, os.Chtimes(left, old, old))
		}, Warn, "temporary files", ".keys.json.123.part"},
		"another's contents": {func(t *testing.T, c *Config) {
			at := t.TempDir()
			must.OK(t, os.WriteFile(filepath.Join(at, blob.ClaimName), []byte("somebody-else\n"), 0o600))
			c.Blobs = address(t, "file://"+at)
		}, Fail, "contents", "belong to another Tallyman"},
		"a missing folder of contents": {func(t *testing.T, c *Config) { c.Blobs = address(t, "file:///not/there") }, Fail, "contents", "correct --blobs"},
		"a server that was killed": {func(t *testing.T, c *Config) {
			must.OK(t, os.WriteFile(filepath.Join(c.Data, "LOCK"), []byte("1\n"), 0o600))
		}, Warn, "server", "was killed"},
		"no temporary files":          {func(t *testing.T, c *Config) { c.Scratch = "/not/there" }, Fail, "temporary files", "TMPDIR"},
		"little room for temporaries": {func(t *testing.T, c *Config) { c.Scratch = inMemory(t) }, Fail, "temporary files", "less than one upload"},
		"workers without memory":      {func(t *testing.T, c *Config) { c.Memory = 8 << 20 }, Fail, "workers", "cannot be read"},
		"more workers than memory":    {func(t *testing.T, c *Config) { c.Workers = 1 << 20 }, Warn, "memory", "fewer --workers"},
		"a worker too large":          {func(t *testing.T, c *Config) { c.Workers, c.Memory = 1, 1<<50 }, Fail, "memory", "not even one worker fits"},
		"more clients than files":     {func(t *testing.T, c *Config) { c.Clients = 1 << 40 }, Warn, "open files", "LimitNOFILE"},
		"a cache that cannot be used": {func(t *testing.T, c *Config) { c.Cache = filepath.Join(c.Data, "sessions.db", "cache") }, Warn, "compiled code", "--cache"},
		"a cache without code":        {func(t *testing.T, c *Config) { c.Cache = filepath.Join(t.TempDir(), "cache") }, OK, "compiled code", "is empty"},
		"a service that does not run": {func(t *testing.T, c *Config) { c.URL = "http://127.0.0.1:9" }, Fail, "service", "cannot be reached"},
		"a URL with a password":       {func(t *testing.T, c *Config) { c.URL = "http://me:secret@127.0.0.1" }, Fail, "service", "cannot be used"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			must.OK(t, os.CopyFS(dir, os.DirFS(good)))
			must.OK(t, os.Chmod(dir, 0o700))
			cfg := config(t, dir)
			c.broken(t, &cfg)
			d := &doctor{Config: cfg, waits: patient}
			for _, check := range d.checksOf(c.check) {
				check(ctx)
			}
			found := d.findings
			wants(t, found, c.verdict, c.check, c.says)
			if s := all(found); strings.Contains(s, "secret") {
				t.Errorf("it reveals a secret:\n%s", s)
			}
		})
	}
}

// checksOf returns the checks that may have a finding under a name. It leaves out
// those that start a worker or need a service where they cannot apply.
func (d *doctor) checksOf(name string) []func(context.Context) {
	switch name {
	case "workers", "compiled code":
		return []func(context.Context){d.reading}
	case "service":
		return []func(context.Context){d.service}
	default:
		return []func(context.Context){d.directory, d.users, d.keys, d.sessions, d.temporary, d.limits}
	}
}

func address(t *testing.T, text string) *stores.Address {
	t.Helper()
	a, err := stores.Parse(text)
	must.OK(t, err)
	return &a
}

// orphan stores a content that no session names.
func orphan(t *testing.T, dir string) (path string) {
	t.Helper()
	s, err := files.Open(filepath.Join(dir, "contents"))
	must.OK(t, err)
	ref, err := s.Put(ctx, strings.NewReader("nobody's"))
	must.OK(t, err)
	return filepath.Join(dir, "contents", string(ref.Key[:2]), string(ref.Key))
}

// The figures of a disk that a test cannot fill.
func TestUnsuitableDisksAreFound(t *testing.T) {
	whole := disk{name: "ext4", free: 1 << 40, size: 1 << 41, inodes: 1 << 20, inodesFree: 1 << 19}
	for name, c := range map[string]struct {
		change  func(*disk)
		verdict Verdict
		says    string
	}{
		"well":           {func(*disk) {}, OK, "1.0 TB of 2.0 TB are free"},
		"network":        {func(d *disk) { d.kind, d.name = kindNetwork, "NFS" }, Fail, "NFS"},
		"container":      {func(d *disk) { d.kind, d.name = kindLayer, "overlay" }, Warn, "mount a volume"},
		"by a program":   {func(d *disk) { d.kind, d.name = kindUser, "FUSE" }, Warn, "a program provides"},
		"read-only":      {func(d *disk) { d.readOnly = true }, Fail, "for reading only"},
		"full":           {func(d *disk) { d.free = 1 << 20 }, Fail, "make room"},
		"nearly full":    {func(d *disk) { d.free = 500 << 20 }, Warn, "make room"},
		"no inodes":      {func(d *disk) { d.inodesFree = 3 }, Fail, "inodes"},
		"few inodes":     {func(d *disk) { d.inodesFree = 3000 }, Warn, "inodes"},
		"inodes on need": {func(d *disk) { d.inodes, d.inodesFree = 0, 0 }, OK, "are free"},
	} {
		t.Run(name, func(t *testing.T) {
			s := whole
			c.change(&s)
			d := &doctor{}
			d.judge("disk", "/srv", &s)
			wants(t, d.findings, c.verdict, "disk", c.says)
		})
	}
}

func TestDifferentClocksAreReported(t *testing.T) {
	d := &doctor{}
	d.clock("clock", "the database", 3*time.Second, 0)
	d.clock("clock", "the database", -30*time.Second, 28*time.Second)
	well(t, d.findings)
	d.clock("clock", "the database", -time.Minute, time.Second)
	wants(t, d.findings, Warn, "clock", "1m0s behind")
	d.clock("clock", "the database", time.Hour, time.Second)
	wants(t, d.findings, Warn, "clock", "1h0m0s ahead")
}

// Beside a running server the doctor sees who uses the directory, and the server and
// its clients are not disturbed.
func TestARunningServerIsNotDisturbed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := running(t, dir)
	bills, orders, want, err := sampleFiles()
	must.OK(t, err)
	stop := make(chan struct{})
	ended := make(chan struct{})
	var runs atomic.Int64
	for i := range 2 {
		go func() {
			defer func() { ended <- struct{}{} }()
			c := &client.Client{URL: s.URL, Session: fmt.Sprint("busy", i)}
			for ; ; runs.Add(1) {
				select {
				case <-stop:
					return
				default:
				}
				got, err := c.Run(ctx, client.Upload{Name: "b.pdf", Content: bytes.NewReader(bills)}, &client.Upload{Name: "o.csv", Content: bytes.NewReader(orders)})
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("a client beside the doctor: %v, %d bytes", err, len(got))
					return
				}
			}
		}()
	}
	for _, deep := range []bool{false, true} {
		c := config(t, dir)
		c.URL, c.Deep, c.waits = s.URL, deep, &patient
		before := runs.Load()
		found := Examine(ctx, c, nil)
		well(t, found)
		wants(t, found, OK, "server", fmt.Sprintf("the process with ID %d uses this data directory; it is this very program", os.Getpid()))
		for runs.Load() == before && !t.Failed() { // until a client has worked at the same time as the doctor
			time.Sleep(time.Millisecond)
		}
	}
	close(stop)
	for range 2 {
		<-ended
	}
	must.OK(t, s.Close())
	// The doctor and the clients have left nothing.
	store, err := sqlite.Open(ctx, dir, session.Settings{})
	must.OK(t, err)
	defer store.Close()
	page, err := store.List(ctx, session.Query{})
	if err != nil || len(page.Sessions) != 1 || page.Sessions[0].Key.ID != "kept" {
		t.Errorf("%+v, %v", page, err)
	}
	entries, err := os.ReadDir(dir)
	must.OK(t, err)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			t.Errorf("%s is left", e.Name())
		}
	}
	contentsOf(t, dir)
}
