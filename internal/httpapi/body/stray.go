package body

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"tallyman/internal/fault"
)

// strays are the files of a body in fields that the route does not know. Whether one of
// them is meant is known only at the end of the body, so the first is stored in any
// case.
type strays struct {
	rv  *receiver
	all []*stray
}

// stray has the files that may belong to one slot.
type stray struct {
	to     Slot
	got    tally    // of the first
	number int      // of the first file, if it was stored
	names  []string // the fields of all files
	known  bool     // the first file's field is in Reception.Also
	text   bool     // the first file is in a text field
	err    error    // why the first file cannot be used
}

// mayBeText reports whether a text field can be a file: an export is text.
func (s *strays) mayBeText(f *field) bool {
	return slices.Contains(s.rv.Also, f.name) && s.rv.Stray(false).Coding == AsEither
}

// take stores the first file of its kind. why says why a file was ignored.
func (s *strays) take(f *field) (why string, err error) {
	content, empty, err := isEmpty(f.value)
	if err != nil || empty && f.filename == "" {
		return "", err
	}
	head, err := content.Peek(maxHead)
	if err != nil && err != io.EOF {
		return "", err
	}
	f.value = content
	to := s.rv.Stray(IsBills(head))
	i := slices.IndexFunc(s.all, func(st *stray) bool { return st.to.For == to.For })
	if i < 0 {
		i = len(s.all)
		s.all = append(s.all, &stray{to: to})
	}
	st, there := s.all[i], s.rv.of(to).files > 0
	if !f.file && (there || st.text) {
		return "The request gives the file's content more than once; only the first was used.", nil
	}
	st.names = append(st.names, fieldName(f.name))
	if len(st.names) > 1 || there {
		return "", nil
	}
	st.known, st.text, st.number = slices.Contains(s.rv.Also, f.name), !f.file, s.rv.stored
	if why, err = s.rv.take(to, f, &st.got); fault.CodeOf(err) == BadBase64 {
		// Another field may still have the file.
		st.err, err = err, nil
	}
	return why, err
}

// settle decides which stray files are meant. It adds the others to got.Unused, and
// warnings about what was guessed or left out. It fails with fault.NoUpload and
// fault.BadRequest if that is not clear.
func (s *strays) settle(got *Received) error {
	for _, st := range s.all {
		if len(st.names) == 0 {
			continue
		}
		names := strings.Join(st.names[:min(len(st.names), 10)], ", ")
		want := strings.Join(s.wanted(st.to), " or ")
		there := s.rv.of(st.to).files > 0
		switch {
		case there && s.rv.Strict:
			return fault.New(fault.BadRequest, "the request has more files than it needs: the file in %s is not taken, since there is one in %s; leave it out, or send it in one of those", names, want)
		case there && !st.text:
			got.Warnings = append(got.Warnings, fmt.Sprintf("The file in %s was not used, since there is one in %s.", names, want))
		case there:
		case len(st.names) > 1:
			return fault.New(fault.NoUpload, "the request has several files, in fields that are not known (%s), and it is not clear which is meant; send it in the field %s", names, want)
		case st.err != nil:
			return st.err
		case !st.known:
			got.Warnings = append(got.Warnings, fmt.Sprintf("The file was taken from the field %s, since it was the only one; send it in the field %s.", names, want))
		}
		if there && st.got.files > 0 {
			got.Unused = append(got.Unused, st.number)
		}
	}
	return nil
}

// wanted returns the names of a slot's fields.
func (s *strays) wanted(to Slot) []string {
	names := slices.Sorted(maps.Keys(s.rv.Files))
	return slices.DeleteFunc(names, func(name string) bool { return s.rv.Files[name].For != to.For })
}
