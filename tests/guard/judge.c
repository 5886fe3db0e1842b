/* libxml2's opinion on many documents, in one process.
 *
 * Reads documents from the standard input, each behind its length (four bytes, the lowest first), and answers one byte
 * each: 0 if the document is well-formed and namespace-well-formed, otherwise libxml2's code of the first error
 * (<libxml/xmlerror.h>), or 255 if it has none that fits. The length 0xFFFFFFFF asks for the answers so far. The first
 * thing written is a line with the version of the library.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <libxml/parser.h>
#include <libxml/xmlIO.h>
#include <libxml/xmlerror.h>

#define ANSWERS_WANTED 0xFFFFFFFFu
#define DOCUMENT_BYTES_MAX (1u << 20)
/* A context keeps the names it has seen, so it is made anew from time to time. */
#define DOCUMENTS_PER_CONTEXT 5000

/* The first error of this document, and whether a namespace name was called no URI, which is told only if nothing
 * else was wrong: processors need not check it (Namespaces in XML 1.0, section 8). */
static int first_code;
static int not_a_uri;

#if LIBXML_VERSION >= 21200
static void note(void *context, const xmlError *error)
#else
static void note(void *context, xmlErrorPtr error)
#endif
{
    (void)context;
    /* Validity, of DTDs and of xml:id, is not asked here and does not make a document ill-formed. */
    if (error->level < XML_ERR_ERROR || error->domain == XML_FROM_DTD || error->domain == XML_FROM_VALID) {
        return;
    }
    if (error->code == XML_WAR_NS_URI) {
        not_a_uri = 1;
    } else if (first_code == 0) {
        first_code = error->code;
    }
}

/* Errors told to nobody in particular are told to nobody. */
static void keep_quiet(void *context, const char *message, ...)
{
    (void)context;
    (void)message;
}

/* Nothing outside the document is ever read. */
static xmlParserInputPtr load_nothing(const char *url, const char *id, xmlParserCtxtPtr context)
{
    (void)url;
    (void)id;
    (void)context;
    return NULL;
}

static int judge(xmlParserCtxtPtr context, const char *document, uint32_t length)
{
    first_code = 0;
    not_a_uri = 0;
    xmlDocPtr tree = xmlCtxtReadMemory(context, document, (int)length, NULL, NULL, XML_PARSE_NONET);
    int right = tree != NULL && context->wellFormed && context->nsWellFormed;
    xmlFreeDoc(tree);
    if (right) {
        return 0;
    }
    if (first_code == 0 && not_a_uri) {
        return XML_WAR_NS_URI;
    }
    return first_code > 0 && first_code < 255 ? first_code : 255;
}

static xmlParserCtxtPtr new_context(void)
{
    xmlParserCtxtPtr context = xmlNewParserCtxt();
    if (context == NULL || context->sax == NULL) {
        exit(2);
    }
    context->sax->serror = note;
    return context;
}

int main(void)
{
    static char document[DOCUMENT_BYTES_MAX];
    LIBXML_TEST_VERSION
    xmlSetExternalEntityLoader(load_nothing);
    xmlSetGenericErrorFunc(NULL, keep_quiet);
    printf("%s\n", LIBXML_DOTTED_VERSION);
    fflush(stdout);
    xmlParserCtxtPtr context = NULL;
    unsigned long count = 0;
    unsigned char prefix[4];
    while (fread(prefix, 1, sizeof prefix, stdin) == sizeof prefix) {
        uint32_t length = (uint32_t)prefix[0] | (uint32_t)prefix[1] << 8 | (uint32_t)prefix[2] << 16 |
                          (uint32_t)prefix[3] << 24;
        if (length == ANSWERS_WANTED) {
            fflush(stdout);
            continue;
        }
        if (length > DOCUMENT_BYTES_MAX || fread(document, 1, length, stdin) != length) {
            return 3;
        }
        if (count++ % DOCUMENTS_PER_CONTEXT == 0) {
            xmlFreeParserCtxt(context);
            context = new_context();
        }
        putchar(judge(context, document, length));
    }
    xmlFreeParserCtxt(context);
    xmlCleanupParser();
    return 0;
}
