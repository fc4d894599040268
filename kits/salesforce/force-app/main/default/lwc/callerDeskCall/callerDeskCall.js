import { LightningElement, api } from 'lwc';
import { ShowToastEvent } from 'lightning/platformShowToastEvent';
import USER_ID from '@salesforce/user/Id';
import callRecord from '@salesforce/apex/CallerDeskCall.callRecord';

/** The Call button: asks once, says what happens in one sentence. */
export default class CallerDeskCall extends LightningElement {
    @api recordId;
    asking = false;

    @api async invoke() {
        if (this.asking) {
            return;
        }
        this.asking = true;
        // One press is one click, however often the request behind it is repeated.
        const clickId = `${USER_ID}-${this.recordId}-${Date.now()}`;
        try {
            const result = await callRecord({ recordId: this.recordId, clickId });
            this.say(result.message, result.accepted);
        } catch (error) {
            this.say(error?.body?.message ?? 'Salesforce could not send the call. Tell your admin.', false);
        } finally {
            this.asking = false;
        }
    }

    say(message, accepted) {
        this.dispatchEvent(
            new ShowToastEvent({
                title: accepted ? 'Calling' : 'Not called',
                message,
                variant: accepted ? 'success' : 'warning',
                mode: accepted ? 'dismissible' : 'sticky'
            })
        );
    }
}
