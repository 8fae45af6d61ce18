/* In keybearer-store's place: hears its request, then does what the file DIR/do says. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int hear(void)
{
    unsigned char length[8], byte;
    unsigned long long left = 0;
    for (int i = 0; i < 8; i++) {
        if (read(0, length + i, 1) != 1)
            return 0;
        left = left << 8 | length[i];
    }
    while (left-- > 0)
        if (read(0, &byte, 1) != 1)
            return 0;
    return 1;
}

int main(void)
{
    char what[16] = "";
    FILE *file = fopen(DIR "/do", "r");
    if (!file || !fgets(what, sizeof what, file) || !hear())
        return 99;
    fclose(file);
    if (!strcmp(what, "crash"))
        raise(SIGSEGV);
    if (!strcmp(what, "exit"))
        return 1;
    if (!strcmp(what, "close"))
        close(0);
    if (!strcmp(what, "answer")) {
        int byte;
        FILE *answer = fopen(DIR "/answer", "r");
        while (answer && (byte = fgetc(answer)) != EOF) {
            char one = byte;
            if (write(0, &one, 1) != 1)
                return 98;
        }
    }
    for (;;)
        pause();
}
