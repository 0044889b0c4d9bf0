package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"tallyman/internal/blob/stores"
	"tallyman/internal/fault"
	"tallyman/internal/ops/doctor"
	"tallyman/internal/text"
)

const doctorHelp = `Examines an installation, and says what is to be fixed: data directory or PostgreSQL,
contents, disk, clocks, workers and their sandbox, limits of memory and files; and
with --url the running service as its callers meet it, through whatever proxy.

Usage: tallyman doctor [--data DIR | --store ADDRESS] [--blobs ADDRESS] [--url URL] [OPTION …]

  tallyman doctor --data /srv/tallyman                         the storage and the machine
  tallyman doctor --watch /srv/inbox                           a folder that is watched, too
  tallyman doctor --mail /etc/tallyman/mail                    a mailbox: both servers, folders
  tallyman doctor --url https://tallyman.example.com           and the service, with the sample

Run it as the server's user, with the options and environment of "tallyman serve",
while the server runs or not: it changes nothing, takes no lock and upgrades nothing.
It works on a copy of the session database, in TMPDIR. What it has to write it
removes: a file in the data directory, in a watched folder, in TMPDIR and in the cache folder or the nearest
one above it, an object in the bucket, a session of its own.

The key that --url may need is read from TALLYMAN_KEY or --key-file.

Exit codes: 0 all is well, or there are only warnings; 1 something must be fixed.
`

type doctorOptions struct {
	storage  storageOptions
	server   serveOptions // the server's options that matter here
	replicas int
	url      string
	keyFile  string
	deep     bool
	json     bool
}

func (o *doctorOptions) flags(std streams) *pflag.FlagSet {
	flags := newFlags(std, "doctor", doctorHelp)
	o.storage.flags(flags)
	serve := o.server.flags(std)
	for _, name := range []string{"cache", "max-upload", "workers", "worker-memory", "tesseract", "queue", "connections", "watch", "mail", "webhook-allow", "public-url"} {
		flags.AddFlag(serve.Lookup(name))
	}
	flags.IntVar(&o.replicas, "replicas", 1, "reckon with `N` servers on the database")
	flags.StringVar(&o.url, "url", "", "try the service at this `URL` as well")
	flags.StringVar(&o.keyFile, "key-file", "", "the `FILE` with the key for it (default: TALLYMAN_KEY)")
	flags.BoolVar(&o.deep, "deep", false, "read all contents, and compare them with what was stored")
	flags.BoolVar(&o.json, "json", false, "answer in JSON")
	return flags
}

func runDoctor(ctx context.Context, std streams, args []string) (int, error) {
	var o doctorOptions
	flags := o.flags(std)
	if err := parseWithEnvironment(flags, args, "data", "store", "blobs", "store-connections", "cache", "max-upload", "workers", "worker-memory", "tesseract", "queue", "connections", "watch", "mail"); err != nil {
		return exitFailed, err
	}
	if o.replicas < 1 || o.replicas > 1000 {
		return exitFailed, misuse(flags, "--replicas must be from 1 to 1000")
	}
	if err := cmp.Or(o.server.check(flags), o.storage.check(flags)); err != nil {
		return exitFailed, err
	}
	config, err := o.config()
	if err != nil {
		return exitFailed, err
	}
	out := standardOutput{std.out}
	var unwritten error
	tell := func(f doctor.Finding) {
		_, err := fmt.Fprintln(out, visible(f.String()))
		unwritten = cmp.Or(unwritten, err)
	}
	if o.json {
		tell = nil
	}
	findings := doctor.Examine(ctx, config, tell)
	if err := cmp.Or(ctx.Err(), unwritten); err != nil {
		return exitFailed, err
	}
	failed, warned := 0, 0
	for _, f := range findings {
		switch f.Verdict {
		case doctor.Fail:
			failed++
		case doctor.Warn:
			warned++
		}
	}
	if o.json {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(map[string]any{"healthy": failed == 0, "findings": findings}); err != nil {
			return exitFailed, err
		}
	}
	fmt.Fprintf(std.err, "%s to fix, %s\n", text.Count(failed, "thing"), text.Count(warned, "warning"))
	if failed > 0 {
		return exitFailed, nil
	}
	return exitOK, nil
}

// config returns the doctor's settings from the options.
func (o *doctorOptions) config() (doctor.Config, error) {
	c := doctor.Config{
		Program: describe(), Version: version,
		Data: o.storage.data, Store: o.storage.store, Where: o.storage.where(),
		Connections: o.storage.connections, Replicas: o.replicas,
		Cache:   o.server.cacheDir(o.storage.data),
		Workers: o.server.workers, Memory: o.server.workerMemory << 20, Tesseract: o.server.tesseract,
		Upload: o.server.maxUpload << 20, Queue: o.server.queue, Clients: o.server.connections,
		Watched:  o.server.watchedFolders(),
		Webhooks: o.server.webhookAllow, PublicURL: o.server.publicURL,
		URL: o.url, Key: os.Getenv("TALLYMAN_KEY"), Deep: o.deep,
	}
	var err error
	if c.Mailboxes, err = o.server.mailConfigs(streams{}); err != nil {
		return c, err
	}
	if o.storage.blobs != "" {
		a, err := stores.Parse(o.storage.blobs)
		if err != nil {
			return c, err
		}
		c.Blobs = &a
	}
	if o.keyFile != "" {
		b, err := os.ReadFile(o.keyFile)
		if err != nil {
			return c, fault.New(fault.Unreadable, "the key cannot be read: %w", err)
		}
		c.Key = strings.TrimSpace(string(b))
	}
	return c, nil
}

// cacheDir is the folder of compiled code.
func (o *serveOptions) cacheDir(data string) string {
	return cmp.Or(o.cache, filepath.Join(data, "cache"))
}
