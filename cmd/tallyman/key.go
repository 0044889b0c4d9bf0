package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"tallyman/internal/fault"
	"tallyman/internal/keys"
	"tallyman/internal/session"
)

const keyHelp = `Makes, lists and removes the keys that callers of the service need. The name of a
key is the owner of the sessions made with it: the same session ID under two keys
is two sessions.

Usage: tallyman key add NAME [--admin] [--read-only] [--expires TIME] [--data DIR | --store ADDRESS]
       tallyman key list [--data DIR | --store ADDRESS]
       tallyman key remove NAME [ID] [--data DIR | --store ADDRESS]

A key is shown once, when it is made; only its hash is kept. A running server
notices changes within seconds.

To replace a key that is in use, make a second one of the same name, give it to
the callers, and remove the first by its ID, which "key list" shows. Without an
ID, all keys of the name are removed.
`

func runKey(ctx context.Context, std streams, args []string) (int, error) {
	var o storageOptions
	var made keys.Key
	var expires string
	flags := newFlags(std, "key", keyHelp)
	flags.StringVar(&o.data, "data", dataDir(), "the server's data `DIR` (or TALLYMAN_DATA)")
	flags.StringVar(&o.store, "store", "", "the `ADDRESS` of the server's sessions and keys, if it has one (or TALLYMAN_STORE)")
	flags.BoolVar(&made.Admin, "admin", false, "with add: a key that sees what is going on in everybody's sessions, reads the measurements and may profile the server")
	flags.BoolVar(&made.ReadOnly, "read-only", false, "with add: a key that looks and downloads, and changes no session")
	flags.StringVar(&expires, "expires", "", "with add: a key that is valid until this `TIME`: a date (2027-01-31), or from now on (720h)")
	if err := parseWithEnvironment(flags, args, "data", "store"); err != nil {
		return exitFailed, err
	}
	o.connections = 1
	if err := o.check(flags); err != nil {
		return exitFailed, err
	}
	what := flags.Arg(0)
	for _, name := range []string{"admin", "read-only", "expires"} {
		if flags.Changed(name) && what != "add" {
			return exitFailed, misuse(flags, "--%s is an option of \"key add\" only", name)
		}
	}
	if expires != "" {
		var err error
		if made.Expires, err = moment(expires, time.Now()); err != nil {
			return exitFailed, misuse(flags, "--expires: %v", err)
		}
	}
	at, err := o.ring(ctx, slog.New(slog.DiscardHandler))
	if err != nil {
		return exitFailed, err
	}
	return exitOK, errors.Join(changeKeys(ctx, std, at.keys, flags, made), at.close())
}

// moment parses a time to come: a date, the beginning of which counts in UTC, a time as in
// RFC 3339, or a duration from now on.
func moment(s string, now time.Time) (time.Time, error) {
	var at time.Time
	if d, err := time.ParseDuration(s); err == nil {
		at = now.Add(d)
	} else if at, err = time.Parse(time.DateOnly, s); err != nil {
		if at, err = time.Parse(time.RFC3339, s); err != nil {
			return at, fmt.Errorf("%q is not a time; give a date such as 2027-01-31, or a duration such as 720h", s)
		}
	}
	if !at.After(now) {
		return at, fmt.Errorf("%s is over", s)
	}
	return at, nil
}

// changeKeys executes a command line about keys.
func changeKeys(ctx context.Context, std streams, ring keys.Ring, flags *pflag.FlagSet, made keys.Key) error {
	what := flags.Arg(0)
	switch {
	case what == "add" && flags.NArg() == 2:
		made.Name = session.Owner(flags.Arg(1))
		return addKey(ctx, std, ring, made)
	case what == "list" && flags.NArg() == 1:
		return listKeys(ctx, std, ring)
	case what == "remove" && (flags.NArg() == 2 || flags.NArg() == 3 && flags.Arg(2) != ""):
		if err := ring.Remove(ctx, session.Owner(flags.Arg(1)), flags.Arg(2)); err != nil {
			return err
		}
		id := flags.Arg(2)
		if id != "" {
			id += " "
		}
		fmt.Fprintf(std.err, "The key %sof %s is not valid any more.\n", visible(id), visible(flags.Arg(1)))
		if left, err := ring.All(ctx); err == nil && len(left) == 0 {
			fmt.Fprintln(std.err, "It was the last one. A running server lets nobody in now; started anew on this machine's own address it serves without keys.")
		}
		return nil
	}
	return misuse(flags, "use \"key add NAME\", \"key list\" or \"key remove NAME [ID]\"")
}

// addKey makes a key. Only the key itself goes to standard output, so that scripts
// can read it from there.
func addKey(ctx context.Context, std streams, ring keys.Ring, made keys.Key) error {
	secret, err := ring.Add(ctx, made)
	if err != nil {
		return err
	}
	all, err := ring.All(ctx)
	if err != nil {
		return err
	}
	k, _ := keys.Find(all, secret)
	name := visible(string(made.Name))
	if _, err := fmt.Fprintln(standardOutput{std.out}, secret); err != nil {
		// A key that the user did not see is useless.
		_ = ring.Remove(context.WithoutCancel(ctx), made.Name, k.ID())
		return err
	}
	fmt.Fprintf(std.err, "This is the key of %s. It is not shown again; callers send it as \"Authorization: Bearer KEY\".\n", name)
	for _, o := range all {
		if o.Name == made.Name && !o.Same(k) {
			fmt.Fprintf(std.err, "%s has another key, which stays valid until you remove it: tallyman key remove %s %s\n", name, name, o.ID())
		}
	}
	return nil
}

func listKeys(ctx context.Context, std streams, ring keys.Ring) error {
	all, err := ring.All(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		fmt.Fprintln(std.err, "There are no keys.")
		return nil
	}
	table := tabwriter.NewWriter(standardOutput{std.out}, 0, 0, 2, ' ', 0)
	yes := map[bool]string{false: "no", true: "yes"}
	fmt.Fprintln(table, "NAME\tID\tADMIN\tREAD-ONLY\tCREATED\tEXPIRES")
	for _, k := range all {
		expires := "never"
		switch {
		case k.Expired():
			expires = "expired"
		case !k.Expires.IsZero():
			expires = k.Expires.Format("2006-01-02 15:04 MST")
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", visible(string(k.Name)), k.ID(), yes[k.Admin], yes[k.ReadOnly], k.Created.Format(time.DateOnly), expires)
	}
	if err := table.Flush(); err != nil {
		return fault.In("listing the keys", err)
	}
	return nil
}
