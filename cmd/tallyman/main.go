// Tallyman turns bills of lading and order exports into load sheets.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"unicode"

	"github.com/spf13/pflag"

	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/intake/worker"
)

// The exit codes of all commands.
const (
	exitOK     = 0
	exitFailed = 1
	exitStrict = 3 // sheet --strict: the sheet was written, but has findings; copy: likewise
)

// streams are the program's input and outputs.
type streams struct {
	in       io.Reader
	out, err io.Writer
	// describe, if not nil, receives a command's description instead of printing it.
	describe func(help string, flags *pflag.FlagSet)
}

// command is one of the program's commands.
type command struct {
	name  string
	short string // one line for the list of commands
	run   func(ctx context.Context, std streams, args []string) (exit int, err error)
}

// commands are in the order in which the help lists them.
func commands() []command {
	return []command{
		{"sheet", "make a load sheet from a PDF of bills and an order export", runSheet},
		{"inspect", "draw what was read over a page of a PDF, to see why a line is wrong", runInspect},
		{"learn", "teach the form of a document that is not known, so that others of it read by themselves", runLearn},
		{"profile", "print a profile of settings to be edited, or check one", runProfile},
		{"sample", "write a sample PDF of bills with its orders, to try things out", runSample},
		{"watch", "make the sheets of files that arrive in a folder", runWatch},
		{"mail", "make the sheets of what arrives by mail, and answer with them", runMail},
		{"serve", "run the service and the web page", runServe},
		{"key", "make, list and remove the keys that callers of the service need", runKey},
		{"copy", "copy all sessions, files and keys of a server to another place", runCopy},
		{"doctor", "examine an installation, and say what is to be fixed", runDoctor},
		{"ping", "ask a running server whether it is healthy, for health checks of containers", runPing},
		{"completion", "print a script that completes commands and options in a shell", runCompletion},
		{"man", "print the manual page", runMan},
		{"version", "print the version", runVersion},
	}
}

const about = `Tallyman turns the bills of lading (one PDF) and the order export (CSV or Excel)
of a shipment into its load sheet: every carton line of every bill, joined with
its order, with pallets and cubes worked out. Every bill is compared with the
totals printed on it, and what cannot be read is reported with its page.

Usage: tallyman COMMAND …

Commands:
`

func main() {
	intake.RunIfWorker()
	if os.Getenv("GOGC") == "" {
		if len(os.Args) > 1 && os.Args[1] == "serve" {
			worker.CollectEvery(24<<20, 50) // short requests leave much garbage
		} else {
			// A document of thousands of pages makes a large heap that only grows.
			worker.CollectEvery(8<<20, 25)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	code := run(ctx, streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}, os.Args[1:])
	stop()
	os.Exit(code)
}

// run runs the command of the arguments and returns the exit code.
func run(ctx context.Context, std streams, args []string) int {
	if len(args) == 0 {
		usage(std.err)
		return exitFailed
	}
	name, args := args[0], args[1:]
	switch name {
	case "help", "-h", "--help":
		if len(args) > 0 {
			return run(ctx, std, []string{args[0], "--help"})
		}
		usage(std.out)
		return exitOK
	case "--version", "-v":
		name = "version"
	}
	for _, c := range commands() {
		if c.name != name {
			continue
		}
		code, err := c.run(ctx, std, args)
		if errors.Is(err, pflag.ErrHelp) {
			return exitOK
		}
		if err != nil {
			fmt.Fprintf(std.err, "tallyman %s: %s\n", name, visible(explain(ctx, err)))
			return max(code, exitFailed)
		}
		return code
	}
	fmt.Fprintf(std.err, "tallyman: %s\n", visible(unknownCommand(name).Error()))
	return exitFailed
}

func usage(w io.Writer) {
	fmt.Fprint(w, about)
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-10s %s\n", c.name, c.short)
	}
	fmt.Fprint(w, "\n\"tallyman COMMAND --help\" says more about one of them.\n")
}

// explain returns an error's message for the person at the terminal.
func explain(ctx context.Context, err error) string {
	var f *fault.Error
	switch {
	case errors.As(err, &f):
		return err.Error()
	case ctx.Err() != nil:
		return "stopped"
	default:
		return "internal error: " + err.Error()
	}
}

// visible replaces characters that control a terminal. Names of files and texts in
// them may contain such characters.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// tell writes a line for people. Some of the words come from untrusted files.
func tell(w io.Writer, format string, args ...any) {
	fmt.Fprintln(w, visible(fmt.Sprintf(format, args...)))
}

// newFlags returns the flags of a command whose help begins with the given text.
func newFlags(std streams, name, help string) *pflag.FlagSet {
	flags := pflag.NewFlagSet(name, pflag.ContinueOnError)
	flags.SortFlags = false
	flags.SetOutput(io.Discard)
	flags.Usage = func() {
		if std.describe != nil {
			std.describe(help, flags)
			return
		}
		fmt.Fprintf(std.out, "%s\nOptions:\n%s", help, flags.FlagUsagesWrapped(100))
	}
	return flags
}

// parse parses the arguments of a command. A mistake is a fault that says how to
// get help.
func parse(flags *pflag.FlagSet, args []string) error {
	err := flags.Parse(args)
	if err == nil || errors.Is(err, pflag.ErrHelp) {
		return err
	}
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok && len(unknown.GetSpecifiedName()) > 1 {
		var names []string
		flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if meant := nearest(unknown.GetSpecifiedName(), names); meant != "" {
			return misuse(flags, "%v (did you mean --%s?)", err, meant)
		}
	}
	return misuse(flags, "%v", err)
}

func misuse(flags *pflag.FlagSet, format string, args ...any) error {
	return fault.New(fault.BadRequest, "%s; see \"tallyman %s --help\"", fmt.Sprintf(format, args...), flags.Name())
}
