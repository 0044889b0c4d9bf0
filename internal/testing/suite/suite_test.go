package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/internal/testing/must"
)

// A failed test is shown with all its output, whatever made it fail, and makes the
// run fail.
func TestARunFailsWithAnyTestAndShowsIt(t *testing.T) {
	const head = "package x\n\nimport \"testing\"\n\n"
	for _, c := range []struct {
		name, test string
		ok         bool
		says       []string
		silent     string // what must not be shown
	}{
		{"all well", head + "func TestA(t *testing.T) { t.Log(\"not shown\") }\nfunc TestB(t *testing.T) { t.Skip(\"no \" + \"disk\") }", true,
			[]string{"ok  \tx\t", "TestB: x_test.go:6: no disk", "0 failed, 1 skipped", "\nPASS\nok  \ttallyman\t"}, "not shown"},
		{"a failure", head + "func TestA(t *testing.T) { t.Run(\"inner\", func(t *testing.T) { t.Error(\"the \" + \"reason\") }) }\nfunc TestB(t *testing.T) { t.Log(\"not shown\") }", false,
			[]string{"the reason", "--- FAIL: TestA/inner", "FAIL\tx\t", "x TestA/inner\n", "\nFAIL\nFAIL\ttallyman\t"}, "not shown"},
		{"a panic", head + "func TestA(t *testing.T) { panic(\"oh \" + \"no\") }", false, []string{"panic: oh no", "FAIL\tx\t", "\nFAIL\n"}, ""},
		{"a program that ends", "package x\n\nimport (\"os\"; \"testing\")\n\nfunc TestMain(m *testing.M) { println(\"last\" + \" words\"); os.Exit(3) }\nfunc TestA(t *testing.T) {}", false, []string{"last words", "FAIL\tx\t", "\nFAIL\n"}, ""},
		{"what cannot be built", head + "func TestA(t *testing.T) { missing() }", false, []string{"undefined: missing", "FAIL\tx\t", "\nFAIL\n"}, ""},
		{"what vet finds", head + "func TestA(t *testing.T) { t.Logf(\"%d\", \"x\") }", false, []string{"wrong type string", "\nFAIL\n"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for name, text := range map[string]string{"go.mod": "module x\n\ngo 1.26\n", "x_test.go": c.test} {
				must.OK(t, os.WriteFile(name, []byte(text), 0o600))
			}
			var shown bytes.Buffer
			r := newResults(&shown)
			err := r.test(t.Context(), plain, "./...")
			if ok := r.close(time.Second, err); ok != c.ok {
				t.Errorf("the run is reported as passed: %v", ok)
			}
			for _, text := range c.says {
				if !strings.Contains(shown.String(), text) {
					t.Errorf("there is no %q in\n%s", text, &shown)
				}
			}
			if c.silent != "" && strings.Contains(shown.String(), c.silent) {
				t.Errorf("what passed is shown:\n%s", &shown)
			}
		})
	}
}

func TestAFailingGoCommandFailsTheRun(t *testing.T) {
	var shown bytes.Buffer
	r := newResults(&shown)
	if r.close(0, r.test(t.Context(), plain, "-no-such-flag")) {
		t.Errorf("the run is reported as passed:\n%s", &shown)
	}
}

func TestPackagesWithSpecialRulesExist(t *testing.T) {
	t.Chdir("../../..")
	all, err := packages(t.Context(), "./...")
	must.OK(t, err)
	there := map[string]bool{}
	for _, p := range all {
		there[p] = true
	}
	named := append([]string(nil), long...)
	for _, g := range raced {
		named = append(named, g.pkg)
	}
	for p := range slow {
		named = append(named, p)
	}
	for _, p := range named {
		if !there[p] {
			t.Errorf("there is no package %s", p)
		}
	}
}

func TestLongLinesOfThePageAreFound(t *testing.T) {
	dir := t.TempDir()
	line := strings.Repeat("é", columns)
	for name, text := range map[string]string{
		"a.js": "x\n" + line + "\n" + line + "é\n", "b/a.css": line + "é", "vendor/a.js": line + "é", "a.go": line + "é",
	} {
		must.OK(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		must.OK(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	got, err := longLines(dir)
	want := []string{filepath.Join(dir, "a.js") + ":3", filepath.Join(dir, "b", "a.css") + ":1"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("long lines: %v, %v, want %v", got, err, want)
	}
}
