/* The same work by libxml2, for comparison: the envelope is validated and its parts gathered, each part decoded and
 * validated, all by its SAX interface, with schemas compiled once and validation contexts kept.
 *
 *   libxml2 FILE ENVELOPE.xsd XML1=XML1.xsd XML2=XML2.xsd ...
 *
 * Says "ready BYTES" (of the decoded parts) once the file was found valid. Then, for each line "decoded N" or "plain N"
 * it does the work N times and answers with the nanoseconds each took; "plain" takes the parts decoded beforehand. */

#include <libxml/parser.h>
#include <libxml/xmlschemas.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SCHEMAS_MAX 32
#define PARTS_MAX 20000

struct text {
    char *bytes;
    size_t length, room;
};

struct part {
    int schema;
    struct text encoded, decoded;
};

static struct {
    const char *name;
    xmlSchemaValidCtxtPtr checker;
} schemas[SCHEMAS_MAX];
static int schema_count;
static struct part parts[PARTS_MAX];
static int part_count;
static struct text name;
static struct text *target;
static uint32_t places[4][256];

static void fail(const char *what, const char *about) {
    fprintf(stderr, "libxml2: %s: %s\n", what, about);
    exit(1);
}

static void append(struct text *text, const char *bytes, size_t length) {
    if (text->length + length > text->room) {
        text->room = (text->length + length) * 2;
        text->bytes = realloc(text->bytes, text->room);
        if (text->bytes == NULL) fail("no memory", "");
    }
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
}

static struct text read_file(const char *path) {
    struct text text = {0};
    char block[65536];
    size_t length;
    FILE *file = fopen(path, "rb");
    if (file == NULL) fail("cannot be read", path);
    while ((length = fread(block, 1, sizeof block, file)) > 0) append(&text, block, length);
    fclose(file);
    return text;
}

static xmlSchemaValidCtxtPtr compile(const char *path) {
    xmlSchemaParserCtxtPtr parser = xmlSchemaNewParserCtxt(path);
    xmlSchemaPtr schema = parser == NULL ? NULL : xmlSchemaParse(parser);
    if (schema == NULL) fail("no schema", path);
    xmlSchemaFreeParserCtxt(parser);
    return xmlSchemaNewValidCtxt(schema);
}

/* === base64: four tables, four characters a step === */

static void prepare_places(void) {
    const char *alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    memset(places, 0xFF, sizeof places);
    for (uint32_t value = 0; value < 64; value++)
        for (int place = 0; place < 4; place++)
            places[place][(unsigned char)alphabet[value]] = value << (18 - 6 * place);
}

static void decode(const struct text *encoded, struct text *decoded) {
    const unsigned char *from = (const unsigned char *)encoded->bytes;
    size_t length = encoded->length, whole;
    if (length == 0 || length % 4 != 0) fail("no base64", "");
    if (decoded->room < length) {
        decoded->room = length;
        decoded->bytes = realloc(decoded->bytes, length);
        if (decoded->bytes == NULL) fail("no memory", "");
    }
    unsigned char *to = (unsigned char *)decoded->bytes;
    int padding = (from[length - 1] == '=') + (from[length - 2] == '=');
    whole = padding > 0 ? length - 4 : length;
    uint32_t wrong = 0;
    for (size_t at = 0; at < whole; at += 4, to += 3) {
        uint32_t bits = places[0][from[at]] | places[1][from[at + 1]] | places[2][from[at + 2]] | places[3][from[at + 3]];
        wrong |= bits;
        to[0] = bits >> 16;
        to[1] = bits >> 8;
        to[2] = bits;
    }
    if (padding > 0) {
        uint32_t bits = places[0][from[whole]] | places[1][from[whole + 1]];
        if (padding == 1) bits |= places[2][from[whole + 2]];
        wrong |= bits;
        *to++ = bits >> 16;
        if (padding == 1) *to++ = bits >> 8;
    }
    if (wrong >> 24) fail("no base64", "");
    decoded->length = (size_t)((char *)to - decoded->bytes);
}

/* === the envelope === */

static void started(void *data, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri, int namespaces,
                    const xmlChar **namespace_list, int attributes, int defaulted, const xmlChar **attribute_list) {
    (void)data, (void)prefix, (void)uri, (void)namespaces, (void)namespace_list;
    (void)attributes, (void)defaulted, (void)attribute_list;
    if (strcmp((const char *)local, "LOAIHOSO") == 0) {
        name.length = 0;
        target = &name;
    } else if (strcmp((const char *)local, "NOIDUNGFILE") == 0) {
        if (part_count >= PARTS_MAX) fail("too many parts", "");
        parts[part_count].encoded.length = 0;
        target = &parts[part_count].encoded;
    }
}

static void written(void *data, const xmlChar *text, int length) {
    (void)data;
    if (target != NULL) append(target, (const char *)text, (size_t)length);
}

static void ended(void *data, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri) {
    (void)data, (void)local, (void)prefix, (void)uri;
    if (target != NULL && target != &name) {
        int schema = 1;
        while (schema < schema_count && (strlen(schemas[schema].name) != name.length ||
                                         memcmp(schemas[schema].name, name.bytes, name.length) != 0))
            schema++;
        if (schema == schema_count) fail("no schema for a part", "");
        parts[part_count++].schema = schema;
    }
    target = NULL;
}

static void check(int schema, const struct text *text, xmlSAXHandlerPtr handler) {
    /* A copy, about a hundredth of the work: with xmlParserInputBufferCreateStatic, libxml2 2.9.14 reads on wrongly. */
    xmlParserInputBufferPtr input =
        xmlParserInputBufferCreateMem(text->bytes, (int)text->length, XML_CHAR_ENCODING_NONE);
    /* Takes the input over. */
    if (xmlSchemaValidateStream(schemas[schema].checker, input, XML_CHAR_ENCODING_NONE, handler, NULL) != 0)
        fail("not valid", schema == 0 ? "the envelope" : schemas[schema].name);
}

static void work(const struct text *file, int decoding) {
    xmlSAXHandler handler;
    memset(&handler, 0, sizeof handler);
    handler.initialized = XML_SAX2_MAGIC;
    handler.startElementNs = started;
    handler.endElementNs = ended;
    handler.characters = written;
    part_count = 0;
    check(0, file, &handler);
    for (int part = 0; part < part_count; part++) {
        if (decoding) decode(&parts[part].encoded, &parts[part].decoded);
        check(parts[part].schema, &parts[part].decoded, NULL);
    }
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

int main(int argc, char **argv) {
    char line[64], kind[16];
    long times;
    if (argc < 4) fail("arguments", "FILE ENVELOPE.xsd PART=SCHEMA...");
    xmlInitParser();
    prepare_places();
    struct text file = read_file(argv[1]);
    schemas[schema_count++].checker = compile(argv[2]);
    for (int argument = 3; argument < argc && schema_count < SCHEMAS_MAX; argument++) {
        char *equals = strchr(argv[argument], '=');
        if (equals == NULL) fail("no PART=SCHEMA", argv[argument]);
        *equals = '\0';
        schemas[schema_count].name = argv[argument];
        schemas[schema_count++].checker = compile(equals + 1);
    }
    work(&file, 1);
    size_t decoded = 0;
    for (int part = 0; part < part_count; part++) decoded += parts[part].decoded.length;
    printf("ready %zu\n", decoded);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (sscanf(line, "%15s %ld", kind, &times) != 2 || times < 1) fail("not understood", line);
        int decoding = strcmp(kind, "decoded") == 0;
        double begun = now();
        for (long time = 0; time < times; time++) work(&file, decoding);
        printf("%.0f\n", (now() - begun) / (double)times);
        fflush(stdout);
    }
    return 0;
}
