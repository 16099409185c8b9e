# Waits until whoever holds the other end of standard input is gone, then ends every process that runs in the folder $1, and removes it.
trap '' HUP INT QUIT TERM
read -r _
for round in 1 2 3 4 5 6 7 8 9 10; do
    found=
    for process in /proc/[0-9]*; do
        case "$(readlink "$process/cwd" 2>/dev/null)" in
            "$1" | "$1"/*)
                kill -KILL "${process#/proc/}" 2>/dev/null
                found=yes
                ;;
        esac
    done
    [ -n "$found" ] || break
done
rm -rf -- "$1"
