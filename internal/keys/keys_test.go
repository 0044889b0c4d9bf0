package keys_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/keys"
	"tallyman/internal/session"
	"tallyman/internal/testing/must"
)

func all(t *testing.T, f *keys.File) []keys.Key {
	t.Helper()
	ks, err := f.All(t.Context())
	must.OK(t, err)
	return ks
}

// add makes a key.
func add(t *testing.T, f *keys.File, k keys.Key) (secret string) {
	t.Helper()
	secret, err := f.Add(t.Context(), k)
	must.OK(t, err)
	return secret
}

func TestAKeyIsValidFromAddToRemoveWithoutARestart(t *testing.T) {
	dir := t.TempDir()
	server, operator := keys.Open(dir), keys.Open(dir)
	if ks := all(t, server); len(ks) != 0 {
		t.Fatalf("keys before any was made: %v", ks)
	}
	secret := add(t, operator, keys.Key{Name: "depot", Admin: true})
	add(t, operator, keys.Key{Name: "other"})
	k, ok := keys.Find(all(t, server), secret)
	if !ok || k.Name != "depot" || !k.Admin {
		t.Errorf("the key is %+v, %v", k, ok)
	}
	for _, wrong := range []string{"", "x", secret[1:], secret + "a", strings.ToUpper(secret), k.SHA256} {
		if k, ok := keys.Find(all(t, server), wrong); ok {
			t.Errorf("%q is accepted as the key of %s", wrong, k.Name)
		}
	}
	must.OK(t, operator.Remove(t.Context(), "depot", ""))
	if _, ok := keys.Find(all(t, server), secret); ok {
		t.Error("the removed key is still valid")
	}
	if err := operator.Remove(t.Context(), "depot", ""); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("removing it again: %v", err)
	}
}

func TestAKeyIsReplacedWhileItIsInUse(t *testing.T) {
	f := keys.Open(t.TempDir())
	first, second := add(t, f, keys.Key{Name: "depot"}), add(t, f, keys.Key{Name: "depot", ReadOnly: true})
	other := add(t, f, keys.Key{Name: "other"})
	valid := func(secret string) bool {
		_, ok := keys.Find(all(t, f), secret)
		return ok
	}
	old, ok := keys.Find(all(t, f), first)
	if k, too := keys.Find(all(t, f), second); !ok || !too || old.ReadOnly || !k.ReadOnly || old.ID() == k.ID() {
		t.Fatalf("of two keys: %+v, %+v", old, k)
	}
	if err := f.Remove(t.Context(), "other", old.ID()); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("removing it as another owner's: %v", err)
	}
	must.OK(t, f.Remove(t.Context(), "depot", old.ID()))
	if valid(first) || !valid(second) || !valid(other) {
		t.Error("the wrong key was removed")
	}
	add(t, f, keys.Key{Name: "depot"})
	must.OK(t, f.Remove(t.Context(), "depot", ""))
	if left := all(t, f); len(left) != 1 || !valid(other) {
		t.Errorf("left are %+v", left)
	}
}

func TestAnExpiredKeyIsNotValid(t *testing.T) {
	dir := t.TempDir()
	for expires, want := range map[time.Time]bool{time.Now().Add(-time.Second): false, time.Now().Add(24 * time.Hour): true, {}: true} {
		secret := add(t, keys.Open(dir), keys.Key{Name: session.Owner("depot " + fmt.Sprint(want, expires.IsZero())), Expires: expires})
		if k, ok := keys.Find(all(t, keys.Open(dir)), secret); ok != want || k.Name == "" || k.Expired() == want {
			t.Errorf("a key until %v is valid: %v, %+v", expires, ok, k)
		}
	}
}

func TestOnlyHashesAreStoredAndOnlyTheOwnerReadsThem(t *testing.T) {
	dir := t.TempDir()
	secret := add(t, keys.Open(dir), keys.Key{Name: "depot"})
	path := filepath.Join(dir, keys.FileName)
	b := must.Read(t, path)
	if strings.Contains(string(b), strings.TrimPrefix(secret, keys.Prefix)) {
		t.Error("the key itself is in the file")
	}
	info, err := os.Stat(path)
	must.OK(t, err)
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
	for range keys.PerOwner {
		add(t, f, keys.Key{Name: "twice"})
	}
	for name, want := range map[session.Owner]fault.Code{
		"twice":                  keys.Exists,
		"":                       fault.BadRequest,
		" space":                 fault.BadRequest,
		"line\nbreak":            fault.BadRequest,
		session.Owner("\xff"):    fault.BadRequest,
		session.Owner(long(256)): fault.BadRequest,
	} {
		if _, err := f.Add(t.Context(), keys.Key{Name: name}); fault.CodeOf(err) != want {
			t.Errorf("Add(%.20q): %v, want %s", name, err, want)
		}
	}
}

func long(n int) string { return strings.Repeat("x", n) }

func TestWithADamagedFileNoKeyIsValid(t *testing.T) {
	dir := t.TempDir()
	f := keys.Open(dir)
	add(t, f, keys.Key{Name: "depot"})
	all(t, f)
	for _, damage := range []string{"", "[", `{"a":1}`, `[{"name":"x","sha256":"00"}]`, `[{"name":"","sha256":"` + long(64) + `"}]`} {
		must.OK(t, os.WriteFile(filepath.Join(dir, keys.FileName), []byte(damage), 0o600))
		time.Sleep(2 * time.Millisecond) // see keys.File.All
		ks, err := f.All(t.Context())
		if fault.CodeOf(err) != keys.Damaged || len(ks) != 0 {
			t.Errorf("%q: %v, %v", damage, ks, err)
		}
		if _, err := f.Add(t.Context(), keys.Key{Name: "new"}); fault.CodeOf(err) != keys.Damaged {
			t.Errorf("%q: Add: %v", damage, err)
		}
	}
}

// A server that looks at its keys all the time must not use what it saw before the change.
func TestAChangeHoldsForABusyServerWhenItReturns(t *testing.T) {
	dir := t.TempDir()
	server, operator := keys.Open(dir), keys.Open(dir)
	defer must.Meanwhile(2, func(int, int) bool {
		_, _ = server.All(context.Background())
		time.Sleep(100 * time.Microsecond)
		return true
	})()
	for range 20 {
		secret := add(t, operator, keys.Key{Name: "depot"})
		if _, ok := keys.Find(all(t, server), secret); !ok {
			t.Fatal("the key that was made is not valid")
		}
		must.OK(t, operator.Remove(t.Context(), "depot", ""))
		if _, ok := keys.Find(all(t, server), secret); ok {
			t.Fatal("the key that was removed is valid")
		}
	}
}

func TestKeysAddedAtOnceAreAllKept(t *testing.T) {
	dir := t.TempDir()
	must.AtOnce(8, func(i int) {
		if _, err := keys.Open(dir).Add(t.Context(), keys.Key{Name: session.Owner(long(i + 1))}); err != nil {
			t.Error(err)
		}
	})
	if n := len(all(t, keys.Open(dir))); n != 8 {
		t.Errorf("%d of 8 keys are there", n)
	}
}

func TestKeysAreTakenOverFromAnotherRing(t *testing.T) {
	from, to := keys.Open(t.TempDir()), keys.Open(t.TempDir())
	secret := add(t, from, keys.Key{Name: "depot", Admin: true})
	all, err := from.All(t.Context())
	must.OK(t, err)
	for range 2 {
		must.OK(t, to.Import(t.Context(), all[0]))
	}
	got, err := to.All(t.Context())
	if k, ok := keys.Find(got, secret); err != nil || !ok || len(got) != 1 || k != all[0] {
		t.Errorf("%+v, %v; want %+v", got, err, all)
	}
	other, _, _ := keys.Make(keys.Key{Name: "depot"})
	if err := to.Import(t.Context(), other); err != nil {
		t.Errorf("a second key of the same owner: %v", err)
	}
	other, _, _ = keys.Make(keys.Key{Name: "depot"})
	if err := to.Import(t.Context(), other); fault.CodeOf(err) != keys.Exists {
		t.Errorf("a third key of the same owner: %v", err)
	}
	other.Name, other.SHA256 = "x", "x"
	if err := to.Import(t.Context(), other); fault.CodeOf(err) != fault.BadRequest {
		t.Errorf("a key without a hash: %v", err)
	}
}
