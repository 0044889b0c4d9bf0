package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"tallyman/internal/fault"
)

// description is the text and options of a command's help. Completions and manual
// pages are made from it, so they cannot differ from --help.
type description struct {
	name, short string
	help        string
	flags       *pflag.FlagSet
}

// descriptions collects the commands' descriptions.
func descriptions(ctx context.Context) (all []description) {
	for _, c := range commands() {
		d := description{name: c.name, short: c.short}
		std := streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard,
			describe: func(help string, flags *pflag.FlagSet) { d.help, d.flags = help, flags }}
		_, _ = c.run(ctx, std, []string{"--help"})
		all = append(all, d)
	}
	return all
}

const completionHelp = `Prints a script with which a shell completes the commands, options and files of
tallyman.

Usage: tallyman completion bash|zsh|fish

  source <(tallyman completion bash)                                    # this bash
  tallyman completion zsh > "${fpath[1]}/_tallyman"                     # every zsh
  tallyman completion fish > ~/.config/fish/completions/tallyman.fish   # every fish
`

func runCompletion(ctx context.Context, std streams, args []string) (int, error) {
	flags := newFlags(std, "completion", completionHelp)
	if err := parse(flags, args); err != nil {
		return exitFailed, err
	}
	scripts := map[string]func(*strings.Builder, []description){"bash": bash, "zsh": zsh, "fish": fish}
	script := scripts[flags.Arg(0)]
	if script == nil || flags.NArg() != 1 {
		return exitFailed, misuse(flags, "name a shell: bash, zsh or fish")
	}
	var b strings.Builder
	script(&b, descriptions(ctx))
	_, err := io.WriteString(standardOutput{std.out}, b.String())
	return exitOK, err
}

// option is an option as manuals show it. value is what follows it, "" for nothing.
type option struct {
	*pflag.Flag
	value, usage string
}

func (d description) options() (all []option) {
	d.flags.VisitAll(func(f *pflag.Flag) {
		value, usage := pflag.UnquoteUsage(f)
		all = append(all, option{f, value, usage})
	})
	return all
}

// names are the command's options as users type them.
func (d description) names() (all []string) {
	d.flags.VisitAll(func(f *pflag.Flag) { all = append(all, "--"+f.Name) })
	return append(all, "--help")
}

func bash(b *strings.Builder, all []description) {
	var commands []string
	b.WriteString("# bash completion of tallyman\n_tallyman() {\n\tlocal word=${COMP_WORDS[COMP_CWORD]} words=\n\tCOMPREPLY=()\n")
	b.WriteString("\tif [ \"$COMP_CWORD\" -gt 1 ]; then\n\t\tcase $word in -*) ;; *) return ;; esac\n\t\tcase ${COMP_WORDS[1]} in\n")
	for _, d := range all {
		commands = append(commands, d.name)
		fmt.Fprintf(b, "\t\t%s) words=%q ;;\n", d.name, strings.Join(d.names(), " "))
	}
	fmt.Fprintf(b, "\t\tesac\n\telse\n\t\twords=%q\n\tfi\n\tCOMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\ncomplete -o default -F _tallyman tallyman\n", strings.Join(commands, " "))
}

func zsh(b *strings.Builder, all []description) {
	quote := func(s string) string {
		return "'" + strings.NewReplacer("'", `'\''`, "[", `\[`, "]", `\]`, ":", `\:`).Replace(s) + "'"
	}
	b.WriteString("#compdef tallyman\n_tallyman() {\n\tif (( CURRENT == 2 )); then\n\t\tlocal -a commands=(\n")
	for _, d := range all {
		fmt.Fprintf(b, "\t\t\t%s\n", quote(d.name)[:len(d.name)+1]+":"+quote(d.short)[1:])
	}
	b.WriteString("\t\t)\n\t\t_describe command commands\n\t\treturn\n\tfi\n\tlocal command=${words[2]}\n\tshift words\n\t(( CURRENT-- ))\n\tcase $command in\n")
	for _, d := range all {
		fmt.Fprintf(b, "\t%s) _arguments", d.name)
		for _, o := range d.options() {
			spec, file := "--"+o.Name, ""
			if o.value != "" {
				spec, file = spec+"=", ":"+strings.ToLower(o.value)+":_files"
			}
			fmt.Fprintf(b, " %s", quote(spec)[:len(spec)+1]+"["+quote(o.usage)[1:len(quote(o.usage))-1]+"]"+file+"'")
		}
		b.WriteString(" '*:file:_files' ;;\n")
	}
	b.WriteString("\tesac\n}\n_tallyman \"$@\"\n")
}

func fish(b *strings.Builder, all []description) {
	quote := func(s string) string { return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'" }
	b.WriteString("# fish completion of tallyman\n")
	for _, d := range all {
		fmt.Fprintf(b, "complete -c tallyman -n __fish_use_subcommand -f -a %s -d %s\n", d.name, quote(d.short))
		for _, o := range d.options() {
			fmt.Fprintf(b, "complete -c tallyman -n '__fish_seen_subcommand_from %s' -l %s -d %s", d.name, o.Name, quote(o.usage))
			if o.Shorthand != "" {
				fmt.Fprintf(b, " -s %s", o.Shorthand)
			}
			if o.value != "" {
				b.WriteString(" -r")
			}
			b.WriteString("\n")
		}
	}
}

const manHelp = `Prints the manual page of tallyman, for man(1).

Usage: tallyman man

  tallyman man > /usr/local/share/man/man1/tallyman.1
`

func runMan(ctx context.Context, std streams, args []string) (int, error) {
	flags := newFlags(std, "man", manHelp)
	if err := parse(flags, args); err != nil {
		return exitFailed, err
	}
	if flags.NArg() > 0 {
		return exitFailed, misuse(flags, "\"man\" takes no arguments, not %q", flags.Arg(0))
	}
	// In roff, a line that begins with a dot or a quote is a request.
	text := func(s string) string {
		s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
		if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
			s = `\&` + s
		}
		return s
	}
	var b strings.Builder
	fmt.Fprintf(&b, ".TH TALLYMAN 1 \"\" \"tallyman %s\" \"\"\n.SH NAME\ntallyman \\- load sheets from bills of lading and order exports\n", version)
	b.WriteString(".SH SYNOPSIS\n.B tallyman\n.I COMMAND\n[\\fIOPTION\\fR ...]\n.SH DESCRIPTION\n")
	opening, _, _ := strings.Cut(about, "\n\nUsage:")
	b.WriteString(text(opening) + "\n")
	for _, d := range descriptions(ctx) {
		fmt.Fprintf(&b, ".SH %s\n.nf\n", strings.ToUpper(d.name))
		for line := range strings.Lines(d.help) {
			b.WriteString(text(strings.TrimRight(line, "\n")) + "\n")
		}
		b.WriteString(".fi\n")
		for _, o := range d.options() {
			b.WriteString(".TP\n")
			if o.Shorthand != "" {
				fmt.Fprintf(&b, "\\fB\\-%s\\fR, ", o.Shorthand)
			}
			fmt.Fprintf(&b, "\\fB%s\\fR", text("--"+o.Name))
			if o.value != "" {
				fmt.Fprintf(&b, " \\fI%s\\fR", text(o.value))
			}
			b.WriteString("\n" + text(o.usage) + "\n")
		}
	}
	_, err := io.WriteString(standardOutput{std.out}, b.String())
	return exitOK, err
}

// nearest returns the word that the user most likely meant, or "" if none is similar:
// at most a third of the letters may differ.
func nearest(word string, words []string) string {
	if len(word) > 64 { // not a typing error
		return ""
	}
	best, least := "", max(1, len(word)/3)+1
	for _, w := range words {
		if d := distance(word, w); d < least {
			best, least = w, d
		}
	}
	return best
}

// distance counts the letters to insert, delete, replace or swap with the next to
// turn one word into another (optimal string alignment).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range len(b) + 1 {
		rows[0][j] = j
	}
	for i := range len(a) {
		for j := range len(b) {
			replaced := rows[i][j]
			if a[i] != b[j] {
				replaced++
			}
			d := min(rows[i][j+1]+1, rows[i+1][j]+1, replaced)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, rows[i-1][j-1]+1)
			}
			rows[i+1][j+1] = d
		}
	}
	return rows[len(a)][len(b)]
}

// unknownCommand is the fault of an unknown command.
func unknownCommand(name string) error {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	// Some users call the main command by the name of its input or output.
	also := map[string]string{"convert": "sheet", "process": "sheet", "server": "serve", "start": "serve", "health": "ping"}
	hint := ""
	if meant := cmp.Or(nearest(name, names), also[strings.ToLower(name)]); meant != "" {
		hint = fmt.Sprintf(" Did you mean %q?", meant)
	}
	return fault.New(fault.BadRequest, "there is no command %q.%s \"tallyman help\" lists them", name, hint)
}
