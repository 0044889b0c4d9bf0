package load

import (
	"fmt"
	"os"

	"tallyman/internal/testing/program"
)

// failure is what Check panics with.
type failure struct{ error }

// Main runs a program that measures. If Check or Must meets an error, what was deferred
// still runs; then Main prints the error under the name of the program, and exits with 2.
func Main(name string, run func()) {
	err := func() error {
		defer program.Forget()
		return Run(run)
	}()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(2)
	}
}

// Run runs a part of a program, and returns the error that Check or Must met in it. What
// was deferred in it has run.
func Run(run func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failure:
			err = r.error
		default:
			panic(r)
		}
	}()
	run()
	return nil
}

// Check ends the program at an error. It works only in the goroutine of Main.
func Check(err error) {
	if err != nil {
		panic(failure{err})
	}
}

// Fail ends the program with an error, as Check does.
func Fail(format string, args ...any) { Check(fmt.Errorf(format, args...)) }

// Must returns the value of a call, and ends the program at its error, as Check does.
func Must[T any](value T, err error) T {
	Check(err)
	return value
}
