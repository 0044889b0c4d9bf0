package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"tallyman/internal/atomicfile"
	"tallyman/internal/blob"
	"tallyman/internal/blob/files"
	"tallyman/internal/blob/stores"
	"tallyman/internal/bus"
	"tallyman/internal/fault"
	"tallyman/internal/keys"
	"tallyman/internal/ops/doctor"
	"tallyman/internal/queue"
	"tallyman/internal/session"
	"tallyman/internal/session/postgres"
	"tallyman/internal/session/sqlite"
)

// storageOptions say where data is kept.
type storageOptions struct {
	data        string
	store       string
	blobs       string
	connections int
}

func (o *storageOptions) flags(flags *pflag.FlagSet) {
	flags.StringVar(&o.data, "data", dataDir(), "keep sessions and keys in this `DIR`")
	flags.StringVar(&o.store, "store", "", "keep them at this `ADDRESS` instead: postgres://USER@HOST/DATABASE, or file:///DIR")
	flags.StringVar(&o.blobs, "blobs", "", "keep the contents of files at this `ADDRESS`: s3://BUCKET/PREFIX?endpoint=URL&region=NAME, or file:///DIR (default: contents in the data directory)")
	flags.IntVar(&o.connections, "store-connections", 16, "open at most `N` connections to PostgreSQL")
}

// check makes the data directory absolute, and refuses invalid options.
func (o *storageOptions) check(flags *pflag.FlagSet) error {
	if dir, ok, err := folder(o.store); err != nil {
		return misuse(flags, "--store: %v", err)
	} else if ok {
		if flags.Changed("data") {
			return misuse(flags, "--store file:// and --data name the same thing; give one of them")
		}
		o.data, o.store = dir, ""
	}
	switch {
	case o.data == "":
		return misuse(flags, "--data needs the name of a directory")
	case o.store != "" && !isPostgres(o.store):
		return misuse(flags, "--store must begin with postgres:// or file://")
	case o.connections < 1 || o.connections > 1000:
		return misuse(flags, "--store-connections must be from 1 to 1000")
	}
	if o.blobs != "" {
		if _, err := stores.Parse(o.blobs); err != nil {
			return misuse(flags, "--blobs: %v", err)
		}
	}
	dir, err := filepath.Abs(o.data)
	if err != nil {
		return fault.New(fault.Unwritable, "%s cannot be used for data: %w", o.data, err)
	}
	o.data = dir
	return nil
}

func isPostgres(address string) bool {
	return strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://")
}

// folder returns the folder of a file:// address, and whether it is one.
func folder(address string) (dir string, ok bool, err error) {
	if !strings.HasPrefix(address, "file://") {
		return "", false, nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Host != "" || u.RawQuery != "" || len(u.Path) < 2 {
		return "", false, errors.New("the path after file:// must be absolute, so a third slash follows")
	}
	return filepath.FromSlash(u.Path), true, nil
}

// where names the place of the sessions for people, without secrets.
func (o *storageOptions) where() string {
	if o.store == "" {
		return o.data
	}
	u, err := url.Parse(o.store)
	if err != nil {
		return "PostgreSQL"
	}
	return u.Scheme + "://" + u.Host + u.Path
}

// again returns the options that mean the same place.
func (o *storageOptions) again() string {
	if o.store == "" {
		return " --data " + o.data
	}
	return " --store ADDRESS"
}

// storage is the open storage of a server.
type storage struct {
	sessions session.Store
	tasks    queue.Queue // in the same place
	contents blob.Store
	keys     keys.Ring
	bus      bus.Bus // nil if this process is the only one
	secret   []byte  // shared by all processes; nil if this is the only one
	shared   bool    // other processes may use it at the same time
	owner    string  // the owner of the contents

	closers []func() error
}

// The ages from which a content can be an orphan. Where other processes may be about to
// name it, the slowest allowed body, a full queue and a slow reading together take hours
// less.
const (
	orphanAge       = 10 * time.Minute
	sharedOrphanAge = 24 * time.Hour
)

// ring opens the keys alone. The caller closes the storage.
func (o *storageOptions) ring(ctx context.Context, log *slog.Logger) (*storage, error) {
	if o.store == "" {
		return &storage{keys: keys.Open(o.data)}, nil
	}
	store, err := postgres.Open(ctx, o.store, session.Settings{}, postgres.Options{Connections: o.connections, Log: log})
	if err != nil {
		return nil, err
	}
	return &storage{keys: store.Keys(), closers: []func() error{store.Close}}, nil
}

// opening says how to open the sessions of a place.
type opening struct {
	settings session.Settings
	// existing makes it fail with errNothing if the place does not exist.
	existing bool
	// alone makes it fail if other processes use the place. A data directory always
	// does.
	alone bool
	log   *slog.Logger
}

// errNothing is the code of opening a place that must exist and does not.
const errNothing fault.Code = "nothing_there"

// sessions opens the sessions and keys of a place, and what its processes share, but
// not its contents. The caller closes the storage.
func (o *storageOptions) sessions(ctx context.Context, how opening) (*storage, error) {
	if o.store == "" {
		if how.existing {
			if there, err := sqlite.Exists(o.data); err != nil {
				return nil, err
			} else if !there {
				return nil, fault.New(errNothing, "there are no sessions in %s; name the data directory of a server", o.data)
			}
		}
		store, err := sqlite.Open(ctx, o.data, how.settings)
		if err != nil {
			return nil, err
		}
		return &storage{sessions: store, tasks: store.Tasks(), keys: keys.Open(o.data), closers: []func() error{store.Close}}, nil
	}
	store, err := postgres.Open(ctx, o.store, how.settings, postgres.Options{
		Connections: o.connections, Log: how.log, Existing: how.existing, Alone: how.alone,
	})
	if fault.CodeOf(err) == postgres.NoSchema {
		return nil, fault.New(errNothing, "%s; name the database of a server", err.Error())
	}
	if err != nil {
		return nil, err
	}
	s := &storage{sessions: store, tasks: store.Tasks(), keys: store.Keys(), shared: true, closers: []func() error{store.Close}}
	if s.secret, err = store.Secret(ctx, "listings"); err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.owner = blob.OwnerOf(s.secret)
	return s, nil
}

// open opens the storage for a server; the caller closes it.
func (o *storageOptions) open(ctx context.Context, settings session.Settings, log *slog.Logger) (*storage, error) {
	s, err := o.sessions(ctx, opening{settings: settings, log: log})
	if err != nil {
		return nil, err
	}
	if err := s.complete(ctx, o, log); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// complete adds the other storage of a server: the events of its processes, and the
// contents of files.
func (s *storage) complete(ctx context.Context, o *storageOptions, log *slog.Logger) error {
	if store, ok := s.sessions.(*postgres.Store); ok {
		events, err := store.Bus(ctx)
		if err != nil {
			return err
		}
		s.closers = append(s.closers, events.Close)
		s.bus = events
		if o.blobs == "" {
			log.Warn("the contents of files are on this machine: other servers of the same database cannot read them; give all of them --blobs", "contents", o.contentsAt())
		}
	}
	if err := s.openContents(ctx, o); err != nil {
		return err
	}
	err := s.ownContents(ctx, o)
	if fault.CodeOf(err) == blob.StorageUnavailable {
		log.Warn("the contents of files cannot be reached yet", "contents", o.contentsAt(), "error", err)
		return nil // the sweep checks again
	}
	return err
}

func (s *storage) openContents(ctx context.Context, o *storageOptions) (err error) {
	if o.blobs == "" {
		s.contents, err = files.Open(filepath.Join(o.data, "contents"))
		return err
	}
	address, err := stores.Parse(o.blobs)
	if err != nil {
		return err
	}
	s.shared = s.shared || address.Shared()
	s.contents, err = address.Open(ctx)
	return err
}

// ownContents makes sure that the contents do not belong to another installation: each
// one's sweep would take the other's contents for orphans. Those in a data directory
// are claimed as well: another installation may be given their address.
func (s *storage) ownContents(ctx context.Context, o *storageOptions) (err error) {
	if s.owner == "" {
		if s.owner, err = identity(o.data); err != nil {
			return err
		}
	}
	return session.Own(ctx, s.sessions, s.contents, s.owner)
}

// identity returns the name under which the sessions of a data directory have
// contents elsewhere. It is drawn when it is first needed, and moves with the
// directory. The directory must be locked.
func identity(dir string) (string, error) {
	path := filepath.Join(dir, doctor.IdentityName)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		b = []byte(rand.Text())
		err = atomicfile.WritePrivate(path, b)
	}
	if err != nil {
		return "", fault.New(fault.Unreadable, "the identity of the data directory in %s cannot be read: %w", path, err)
	}
	return blob.OwnerOf(b), nil
}

// janitor returns a janitor for the storage.
func (s *storage) janitor(log *slog.Logger, age time.Duration) *session.Janitor {
	if age == 0 {
		if age = orphanAge; s.shared {
			age = sharedOrphanAge
		}
	}
	return &session.Janitor{Store: s.sessions, Contents: s.contents, Owner: s.owner, OrphanAge: age, Now: session.SystemClock(), Log: log}
}

// close closes everything, in reverse order.
func (s *storage) close() error {
	var all error
	for i := len(s.closers) - 1; i >= 0; i-- {
		all = errors.Join(all, s.closers[i]())
	}
	return all
}

// dataDir is the default data directory.
func dataDir() string {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "tallyman")
	}
	home, err := os.UserHomeDir()
	if err == nil && runtime.GOOS == "linux" {
		return filepath.Join(home, ".local", "share", "tallyman")
	}
	if dir, err := os.UserConfigDir(); err == nil {
		return filepath.Join(dir, "tallyman", "data")
	}
	return "tallyman-data"
}

// contentsAt names the place of the contents for people.
func (o *storageOptions) contentsAt() string {
	return cmp.Or(o.blobs, filepath.Join(o.data, "contents"))
}
