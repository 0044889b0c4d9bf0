package blob_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/testing/must"
)

func TestInvalidKeysAreRefused(t *testing.T) {
	seen := map[blob.Key]bool{}
	for range 1000 {
		k := blob.NewKey()
		if !k.Valid() || seen[k] {
			t.Fatalf("%q is not a fresh key", k)
		}
		seen[k] = true
	}
	for _, k := range []blob.Key{
		"", "x", "..", "../../../../../../../../etc/passwd", "/", "0123456789abcdef0123456789abcde", "0123456789abcdef0123456789abcdef0",
		"0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef0123456789abcde/", "0123456789abcdef0123456789abcde\x00", "0123456789abcdef0123456789abcd\u00e9", "0123456789abcdef0123456789abcde.",
	} {
		if k.Valid() {
			t.Errorf("%q is accepted as a key", k)
		}
	}
}

func TestARefIsWrittenAndRead(t *testing.T) {
	ref := blob.Ref{Key: blob.NewKey(), Size: 1 << 40, SHA256: blob.Sum{0: 1, 31: 0xff}}
	b, err := json.Marshal(ref)
	must.OK(t, err)
	var again blob.Ref
	if err := json.Unmarshal(b, &again); err != nil || again != ref {
		t.Errorf("%s reads back as %+v, %v", b, again, err)
	}
	for _, sum := range []string{`""`, `"00"`, `"` + strings.Repeat("g", 64) + `"`, `"` + strings.Repeat("0", 66) + `"`} {
		var s blob.Sum
		if err := json.Unmarshal([]byte(sum), &s); err == nil {
			t.Errorf("%s is accepted as a SHA-256", sum)
		}
	}
	if ref.IsZero() || !(blob.Ref{}).IsZero() {
		t.Error("IsZero is wrong")
	}
}

func TestFaultNamesTheOperationButNoPath(t *testing.T) {
	too := fault.New(fault.TooLarge, "too large")
	for _, c := range []struct {
		err  error
		want fault.Code
	}{
		{nil, ""},
		{&fs.PathError{Op: "write", Path: "/secret", Err: syscall.ENOSPC}, blob.StorageFull},
		{fmt.Errorf("wrapped: %w", syscall.EDQUOT), blob.StorageFull},
		{&fs.PathError{Op: "write", Path: "/secret", Err: syscall.EIO}, blob.StorageUnavailable},
		{context.Canceled, fault.Cancelled},
		{fmt.Errorf("wrapped: %w", context.DeadlineExceeded), fault.Cancelled},
		{fmt.Errorf("wrapped: %w", too), fault.TooLarge},
	} {
		got := blob.Fault("store a file", c.err)
		if fault.CodeOf(got) != c.want {
			t.Errorf("%v becomes %v, want code %s", c.err, got, c.want)
		}
		if got == nil {
			continue
		}
		if strings.Contains(got.Error(), "secret") {
			t.Errorf("the message shows a path to users: %v", got)
		}
		var f *fault.Error
		if !errors.As(got, &f) || f.Code != fault.TooLarge && !errors.Is(got, c.err) {
			t.Errorf("the cause of %v is lost", got)
		}
	}
}
