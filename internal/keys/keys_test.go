package keys_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tallyman/internal/fault"
	"tallyman/internal/keys"
	"tallyman/internal/session"
)

func all(t *testing.T, f *keys.File) []keys.Key {
	t.Helper()
	ks, err := f.All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return ks
}

func TestAKeyIsValidFromAddToRemoveWithoutARestart(t *testing.T) {
	dir := t.TempDir()
	server, operator := keys.Open(dir), keys.Open(dir)
	if ks := all(t, server); len(ks) != 0 {
		t.Fatalf("keys before any was made: %v", ks)
	}
	secret, err := operator.Add(t.Context(), "depot", true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := operator.Add(t.Context(), "other", false); err != nil {
		t.Fatal(err)
	}
	k, ok := keys.Find(all(t, server), secret)
	if !ok || k.Name != "depot" || !k.Admin {
		t.Errorf("the key is %+v, %v", k, ok)
	}
	for _, wrong := range []string{"", "x", secret[1:], secret + "a", strings.ToUpper(secret), k.SHA256} {
		if k, ok := keys.Find(all(t, server), wrong); ok {
			t.Errorf("%q is accepted as the key of %s", wrong, k.Name)
		}
	}
	if err := operator.Remove(t.Context(), "depot"); err != nil {
		t.Fatal(err)
	}
	if _, ok := keys.Find(all(t, server), secret); ok {
		t.Error("the removed key is still valid")
	}
	if err := operator.Remove(t.Context(), "depot"); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("removing it again: %v", err)
	}
}

func TestOnlyHashesAreStoredAndOnlyTheOwnerReadsThem(t *testing.T) {
	dir := t.TempDir()
	secret, err := keys.Open(dir).Add(t.Context(), "depot", false)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, keys.FileName)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), strings.TrimPrefix(secret, keys.Prefix)) {
		t.Error("the key itself is in the file")
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v", info.Mode())
	}
	left, err := filepath.Glob(filepath.Join(dir, ".*.part"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestInvalidKeysAndNamesAreRefused(t *testing.T) {
	f := keys.Open(t.TempDir())
	if _, err := f.Add(t.Context(), "twice", false); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[session.Owner]fault.Code{
		"twice":                  keys.Exists,
		"":                       fault.BadRequest,
		" space":                 fault.BadRequest,
		"line\nbreak":            fault.BadRequest,
		session.Owner("\xff"):    fault.BadRequest,
		session.Owner(long(256)): fault.BadRequest,
	} {
		if _, err := f.Add(t.Context(), name, false); fault.CodeOf(err) != want {
			t.Errorf("Add(%.20q): %v, want %s", name, err, want)
		}
	}
}

func long(n int) string { return strings.Repeat("x", n) }

func TestWithADamagedFileNoKeyIsValid(t *testing.T) {
	dir := t.TempDir()
	f := keys.Open(dir)
	if _, err := f.Add(t.Context(), "depot", false); err != nil {
		t.Fatal(err)
	}
	all(t, f)
	for _, damage := range []string{"", "[", `{"a":1}`, `[{"name":"x","sha256":"00"}]`, `[{"name":"","sha256":"` + long(64) + `"}]`} {
		if err := os.WriteFile(filepath.Join(dir, keys.FileName), []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		ks, err := f.All(t.Context())
		if fault.CodeOf(err) != keys.Damaged || len(ks) != 0 {
			t.Errorf("%q: %v, %v", damage, ks, err)
		}
		if _, err := f.Add(t.Context(), "new", false); fault.CodeOf(err) != keys.Damaged {
			t.Errorf("%q: Add: %v", damage, err)
		}
	}
}

func TestKeysAddedAtOnceAreAllKept(t *testing.T) {
	dir := t.TempDir()
	var all8 sync.WaitGroup
	for i := range 8 {
		all8.Go(func() {
			if _, err := keys.Open(dir).Add(t.Context(), session.Owner(long(i+1)), false); err != nil {
				t.Error(err)
			}
		})
	}
	all8.Wait()
	if n := len(all(t, keys.Open(dir))); n != 8 {
		t.Errorf("%d of 8 keys are there", n)
	}
}

func TestKeysAreTakenOverFromAnotherRing(t *testing.T) {
	from, to := keys.Open(t.TempDir()), keys.Open(t.TempDir())
	secret, err := from.Add(t.Context(), "depot", true)
	if err != nil {
		t.Fatal(err)
	}
	all, err := from.All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := to.Import(t.Context(), all[0]); err != nil {
			t.Fatal(err)
		}
	}
	got, err := to.All(t.Context())
	if k, ok := keys.Find(got, secret); err != nil || !ok || len(got) != 1 || k != all[0] {
		t.Errorf("%+v, %v; want %+v", got, err, all)
	}
	other, _, _ := keys.Make("depot", false)
	if err := to.Import(t.Context(), other); fault.CodeOf(err) != keys.Exists {
		t.Errorf("another key of the same owner: %v", err)
	}
	other.Name, other.SHA256 = "x", "x"
	if err := to.Import(t.Context(), other); fault.CodeOf(err) != fault.BadRequest {
		t.Errorf("a key without a hash: %v", err)
	}
}
