<?php
/**
 * What the button calls: asks the connector for a call of a record the user may see, and passes its answer on.
 */
if (!defined('sugarEntry') || !sugarEntry) {
    die('Not A Valid Entry Point');
}

require_once __DIR__ . '/CallerDesk.php';

header('Content-Type: application/json');
// A page of another site can send a form here, but never with this header.
if ($_SERVER['REQUEST_METHOD'] !== 'POST' || empty($_SERVER['HTTP_X_CALLERDESK'])) {
    http_response_code(405);
    die('{"detail": "Press the button on the record."}');
}
$bean = BeanFactory::getBean($_POST['module'], $_POST['record']);
if (!in_array($_POST['module'], CallerDesk::config('modules', array()), true) || !$bean || !$bean->ACLAccess('view')) {
    http_response_code(403);
    die('{"detail": "You may not call from this record. Nobody was rung."}');
}
list($status, $body) = CallerDesk::ask($_POST['module'], $bean->id, 'button', $_POST['click_id'], 15);
http_response_code($status ? $status : 504);
echo $status ? $body : '{"detail": "The connector did not answer. Look at the record before you press again."}';
