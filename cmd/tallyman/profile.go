package main

import (
	"context"
	"fmt"

	"tallyman/internal/fault"
	"tallyman/internal/profile"
)

const profileHelp = `Prints a profile with the default of every setting, or checks one.

Usage: tallyman profile
       tallyman profile check FILE

  tallyman profile > house.toml            every setting, explained, to be edited
  tallyman profile check house.toml        what is wrong with it, line by line
  tallyman sheet --profile house.toml …    makes the sheet by it

A profile says what a house does its own way: names of the columns of its order
exports, cubic feet per pallet, spellings of ship-tos, columns of the sheet, and the
forms that "tallyman learn" was taught.

Exit codes: 0 all went well; 1 the profile is wrong.
`

func runProfile(ctx context.Context, std streams, args []string) (int, error) {
	flags := newFlags(std, "profile", profileHelp)
	if err := parse(flags, args); err != nil {
		return exitFailed, err
	}
	switch names := flags.Args(); {
	case len(names) == 0:
		_, err := standardOutput{std.out}.Write(profile.Default().TOML())
		return exitOK, err
	case names[0] == "check" && len(names) == 2:
		p, err := readProfile(ctx, std, names[1])
		if err != nil {
			return exitFailed, err
		}
		_, err = fmt.Fprintf(standardOutput{std.out}, "%s: nothing is wrong; its version is %s\n", visible(names[1]), p.Sheet.Version)
		return exitOK, err
	case names[0] == "check":
		return exitFailed, misuse(flags, "name one file to check")
	default:
		return exitFailed, misuse(flags, "there is no %q", names[0])
	}
}

// readProfile reads a profile from a file. Its fault names the file.
func readProfile(ctx context.Context, std streams, name string) (*profile.Profile, error) {
	_, p, err := readProfileText(ctx, std, name)
	return p, err
}

// readProfileText also returns the text of the profile.
func readProfileText(ctx context.Context, std streams, name string) ([]byte, *profile.Profile, error) {
	b, err := readInput(ctx, std, name, profile.MostBytes)
	if err != nil {
		return nil, nil, err
	}
	p, err := profile.Parse(b)
	if err != nil {
		return nil, nil, fault.In(name, err)
	}
	return b, p, nil
}

// profileOf returns the profile of the options, nil for none.
func (o *sheetOptions) profileOf(ctx context.Context, std streams) (*profile.Profile, error) {
	var p *profile.Profile
	if o.profile != "" {
		var err error
		if p, err = readProfile(ctx, std, o.profile); err != nil {
			return nil, err
		}
	}
	return p.WithColumns(o.columns)
}
